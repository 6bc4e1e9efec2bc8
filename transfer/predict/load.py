"""Which program runs the network: only here this package imports torch, and not for a file of another program."""

from transfer.predict.network import Network, Plan


def load_network(plan: Plan) -> Network:
    """Load what segments: an ONNX file without torch. Raises UserError as `transfer.load_model` and `OnnxNetwork`."""
    if any(file.suffix == ".onnx" for file in plan.files):
        from transfer.export.runtime import OnnxNetwork

        return OnnxNetwork(plan)
    from transfer.predict.by_torch import TorchNetwork  # now: another program's network needs no torch

    return TorchNetwork.load(plan)
