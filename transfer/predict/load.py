"""Which program runs the network: here, and nowhere else in this package, torch is imported."""

from transfer.predict.network import Network, Plan


def load_network(plan: Plan) -> Network:
    """Load what segments. Raises UserError as `transfer.load_model`."""
    from transfer.predict.by_torch import TorchNetwork  # now: another program's network needs no torch

    return TorchNetwork.load(plan)
