# The course in a container, with the versions of constraints.txt and nothing built by hand:
#
#     docker build -t vae .
#     docker run --rm -p 127.0.0.1:8888:8888 -v vae-work:/home/reader/course/work vae
#
# docs/pages/where_it_runs.md says how large it becomes, and what of it was tried.
FROM debian:bookworm-slim

RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git make python3-venv && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 reader
USER reader
WORKDIR /home/reader/course
ENV PIP_NO_CACHE_DIR=1

# Everything that .dockerignore does not name: notebooks, package, tests, docs.
COPY --chown=reader:reader . .

# The same command as outside: .venv, then a copy of the notebooks in work/.
RUN make work

# MNIST, if the network lets it through within 20 seconds; without it the notebooks draw their own digits.
RUN make .venv/.mnist-tried

EXPOSE 8888
CMD ["make", "lab", "IP=0.0.0.0"]
