# docker build -t recon2seg .    for CPUs, and for NVIDIA's GPUs: run it with --gpus all
# docker build -t recon2seg --build-arg TORCH_INDEX=ADDRESS .    for CPUs alone, much smaller
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm

# what opencv-python draws windows with; the versions are Debian's
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1
WORKDIR /opt/recon2seg
COPY constraints.txt ./

# the package index has torch with CUDA, which also runs on CPUs; PyTorch's own index of builds for CPUs is much smaller
ARG TORCH_INDEX=
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN if [[ -n "${TORCH_INDEX}" ]]; then \
      grep -E '^torch(vision)?==' constraints.txt | xargs pip install --no-deps --index-url "${TORCH_INDEX}"; \
    fi

COPY pyproject.toml README.md LICENSE ./
COPY common ./common
COPY configs ./configs
COPY pretrain ./pretrain
COPY recon2seg ./recon2seg
COPY transfer ./transfer
ARG EXTRAS=zoo,heic
RUN pip install -c constraints.txt ".[${EXTRAS}]"

# runs, and the cache of decoded images beside them, outlive the container
ARG USER_ID=1000
RUN useradd --create-home --uid "${USER_ID}" recon2seg \
    && install --directory --owner=recon2seg /home/recon2seg/runs
USER ${USER_ID}
WORKDIR /home/recon2seg
ENV RECON2SEG_CACHE=/home/recon2seg/runs/.cache
VOLUME /home/recon2seg/runs

EXPOSE 7860
ENTRYPOINT ["recon2seg"]
CMD ["--help"]
