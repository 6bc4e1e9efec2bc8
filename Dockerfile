# docker build -t recon2seg .                          for CPUs
# docker build -t recon2seg --build-arg DEVICE=cuda .  for NVIDIA's GPUs; run it with --gpus all
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

# torch for CPUs is much smaller; that of the package index has CUDA
ARG DEVICE=cpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN case "${DEVICE}" in \
      cpu) grep -E '^torch(vision)?==' constraints.txt \
           | xargs pip install --no-deps --index-url https://download.pytorch.org/whl/cpu ;; \
      cuda) ;; \
      *) echo "DEVICE is cpu or cuda, not ${DEVICE}" >&2 && exit 2 ;; \
    esac

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
    && install --directory --owner=recon2seg /work/runs
USER ${USER_ID}
WORKDIR /work
ENV RECON2SEG_CACHE=/work/runs/.cache
VOLUME /work/runs

EXPOSE 7860
ENTRYPOINT ["recon2seg"]
CMD ["--help"]
