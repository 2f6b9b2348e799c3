# Two images from one source:
#   resource   the Concourse resource type, also a task image
#   installer  the command line with what create-env needs to compile a CPI
# Built by pkg/image/build.sh (make image), with docker or buildah.
#
# Base images are arguments, so that a mirror or images made on the spot
# (pkg/image/local-bases.sh) can stand in for the public ones. These tags move: a
# release names its bases by digest (RELEASE=1 of build.sh wants that).
ARG GO=golang:1.26-bookworm
ARG DEBIAN=debian:bookworm-slim
# Where /etc/ssl/certs/ca-certificates.crt comes from; an image that has the file
# already, a company's own for example, is taken as it is.
ARG CERTIFICATES=${DEBIAN}

FROM ${CERTIFICATES} AS certificates
RUN set -eu; \
    if [ ! -s /etc/ssl/certs/ca-certificates.crt ]; then \
      apt-get update; \
      DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates; \
    fi

FROM ${GO} AS build
# How modules are fetched is the caller's business; unset, Go's own defaults hold.
# As arguments of this stage they stay out of the images.
ARG GOPROXY
ARG GOSUMDB
ARG GONOSUMDB
ARG GONOPROXY
ARG GOPRIVATE
ARG GOFLAGS
ENV CGO_ENABLED=0
WORKDIR /src
# A layer of its own, so that a change of the sources alone downloads nothing. Where a
# module cache is mounted there is nothing to prepare: the build fetches what the cache lacks.
COPY go.mod go.sum ./
RUN test -d "$(go env GOMODCACHE)/cache/download" || go mod download
COPY . .
ARG VERSION=dev
# The commit and its date: two builds of it are the same.
ARG REVISION=
ARG REVISION_DATE=
# Everything of the resource image is laid out here, because scratch has no shell.
# The three scripts and the command perpetual are links to one binary, which tells
# them apart by its name; what only the installer needs is in a binary of its own.
# The only directory that every user may write to is /tmp.
RUN set -eu; \
    mkdir -p /rootfs/opt/resource /rootfs/usr/local/bin /rootfs/etc /installer; \
    command=github.com/perpetual-ci/perpetual/pkg/command; \
    flags="-s -w -X ${command}.Version=${VERSION} -X ${command}.Commit=${REVISION} -X ${command}.Date=${REVISION_DATE}"; \
    go build -trimpath -buildvcs=false -ldflags "${flags}" -o /rootfs/opt/resource/resource ./cmd/resource; \
    go build -trimpath -buildvcs=false -ldflags "${flags}" -o /installer/perpetual ./cmd/perpetual; \
    for name in check in out; do ln -s resource "/rootfs/opt/resource/$name"; done; \
    ln -s ../../../opt/resource/resource /rootfs/usr/local/bin/perpetual; \
    printf 'root:x:0:0:root:/:/usr/local/bin/perpetual\nperpetual:x:65532:65532:perpetual:/tmp:/usr/local/bin/perpetual\n' >/rootfs/etc/passwd; \
    printf 'root:x:0:\nperpetual:x:65532:\n' >/rootfs/etc/group; \
    mkdir -m 1777 /rootfs/tmp

FROM scratch AS resource
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /rootfs/ /
ENV PATH=/usr/local/bin:/opt/resource
# Concourse runs check, in and out as the image's user, and gives in a volume that
# belongs to root with mode 0755 (a worker makes volumes so, and so are a task's
# outputs): any other user could not write what was fetched. Inside an unprivileged
# container this root is an ordinary user of the worker. Where nothing is written to a
# volume the user perpetual does: `run: {user: perpetual}` in a task, `docker run --user`.
USER root
ENTRYPOINT ["/usr/local/bin/perpetual"]
ARG TITLE=perpetual
ARG SOURCE=https://github.com/perpetual-ci/perpetual
ARG REVISION=
ARG VERSION=dev
ARG LICENCE=Apache-2.0
LABEL org.opencontainers.image.title="${TITLE}" \
      org.opencontainers.image.description="Concourse resource type that keeps a Concourse upgraded by itself" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="${LICENCE}"

FROM ${DEBIAN} AS installer
# create-env renders templates with ruby, unpacks with tar, and compiles the CPI with
# bash scripts that expect a compiler and the libraries which Ruby and its gems link to.
RUN set -eu; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
      bash build-essential bzip2 ca-certificates gzip libreadline-dev libsqlite3-dev libssl-dev \
      libxml2-dev libxslt1-dev libyaml-dev openssh-client openssl pkg-config ruby ruby-dev tar xz-utils zlib1g-dev; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/*
# The installer belongs to whoever runs it: with `--user "$(id -u):$(id -g)"` the files
# in the mounted /work are that user's. So the home directory, into which people mount
# their ~/.aws and create-env keeps its state, and an unmounted /work are open to any
# user; root is the default because it can write to /work on every engine, and because
# ssh refuses a user without a name. The home is root's own, where other images have it.
# In the pipeline nothing is mounted, and the user perpetual does the work.
# What create-env downloads and compiles, and the answers of a CPI that outlives a
# killed run, stay in the mounted directory for the next one.
RUN set -eu; \
    chmod 1777 /root; \
    mkdir -m 1777 /work; \
    printf 'perpetual:x:65532:65532:perpetual:/root:/usr/sbin/nologin\n' >>/etc/passwd; \
    printf 'perpetual:x:65532:\n' >>/etc/group
COPY --from=build /installer/perpetual /usr/local/bin/perpetual
ENV HOME=/root LANG=C.UTF-8 XDG_CACHE_HOME=/work/.cache
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/perpetual"]
ARG TITLE=perpetual
ARG SOURCE=https://github.com/perpetual-ci/perpetual
ARG REVISION=
ARG VERSION=dev
ARG LICENCE=Apache-2.0
LABEL org.opencontainers.image.title="${TITLE} installer" \
      org.opencontainers.image.description="Installs Concourse on BOSH and keeps it upgraded" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="${LICENCE}"
