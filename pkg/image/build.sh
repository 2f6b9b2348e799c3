#!/bin/sh
# Builds both images of the Dockerfile, $IMAGE:$VERSION (the resource type) and
# $IMAGE:$VERSION-installer, with docker where an engine answers and otherwise
# with buildah, which needs none.
#
#   VERSION      of the binaries and the tags; default: what git describes, or dev
#   IMAGE        name of the images; default: perpetual
#   GO_BASE, DEBIAN_BASE, CERTIFICATES_BASE   base images instead of the public ones
#   RELEASE      not empty: all base images have to be given, and by digest
#   LICENCE      SPDX expression for the label, instead of that of this project
#   ENGINE       docker or buildah, instead of looking
#   MODULE_CACHE, BUILD_CACHE   directories that buildah mounts, so that nothing is
#                downloaded or compiled twice; default: this machine's Go's own;
#                empty: none
#
# Go's module settings (GOPROXY and the like) are handed into the build.
set -eu

cd "$(dirname "$0")/../.."

say() { printf '%s\n' "build: $*" >&2; }

fail() {
	say "$*"
	exit 1
}

# A docker client is often there without an engine, so it has to answer.
find_engine() {
	if docker info >/dev/null 2>&1; then
		echo docker
	elif command -v buildah >/dev/null; then
		echo buildah
	else
		fail "build the images: no docker engine answers and there is no buildah; start the one or install the other (Debian: apt-get install buildah)"
	fi
}

# go_setting prints a Go setting of this machine; without Go, the environment's.
go_setting() {
	if command -v go >/dev/null; then go env "$1"; else printenv "$1" || true; fi
}

describe() { git describe --tags --always --dirty 2>/dev/null || echo dev; }

image_id() { buildah inspect --type image --format '{{.FromImageID}}' "$1" 2>/dev/null || true; }

# replace NAME runs the remaining arguments, a build with buildah, and removes the
# image that had the name before: buildah collects no garbage, and the installer is
# large. One that has another name too is not ours to remove.
replace() {
	before=$(image_id "$1")
	shift
	"$@" || return
	if [ -n "$before" ] && buildah images --quiet --no-trunc --filter dangling=true | grep -q "$before"; then
		buildah rmi "$before" >/dev/null || true
	fi
}

# build TARGET NAME, with the remaining arguments handed to the engine.
build() {
	target=$1
	name=$2
	shift 2
	say "$target with $engine: $name"
	case $engine in
	docker) docker build "$@" --target "$target" --tag "$name" . ;;
	# The isolation chroot needs no container runtime, and works inside a container.
	# Without layers no unnamed images stay behind; Go's own cache makes up for them.
	buildah) replace "$name" buildah bud --isolation "${BUILDAH_ISOLATION:-chroot}" --layers=false "$@" --target "$target" --tag "$name" . ;;
	esac || fail "build the image $name: $engine ended with an error, see above"
}

# pinned NAME VALUE refuses a base image by tag, which is another image tomorrow.
pinned() {
	printf '%s\n' "$2" | grep -Eq '^[^@]+@sha256:[0-9a-f]{64}$' ||
		fail "build the images: $1 is \"$2\", and a release stands on base images by digest: NAME@sha256:… (docker buildx imagetools inspect NAME:TAG prints it)"
}

if [ -n "${RELEASE:-}" ]; then
	pinned GO_BASE "${GO_BASE:-}"
	pinned DEBIAN_BASE "${DEBIAN_BASE:-}"
	pinned CERTIFICATES_BASE "${CERTIFICATES_BASE:-${DEBIAN_BASE:-}}"
fi

VERSION=${VERSION:-$(describe)}
IMAGE=${IMAGE:-perpetual}
engine=${ENGINE:-$(find_engine)}
case $engine in
docker | buildah) ;;
*) fail "ENGINE is \"$engine\": docker or buildah" ;;
esac

set -- --build-arg "VERSION=$VERSION" --build-arg "REVISION=$(git rev-parse --verify --quiet HEAD 2>/dev/null || true)"
set -- "$@" --build-arg "REVISION_DATE=$(TZ=UTC git show --no-patch --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd HEAD 2>/dev/null || true)"
if [ -n "${GO_BASE:-}" ]; then set -- "$@" --build-arg "GO=$GO_BASE"; fi
if [ -n "${DEBIAN_BASE:-}" ]; then set -- "$@" --build-arg "DEBIAN=$DEBIAN_BASE"; fi
if [ -n "${CERTIFICATES_BASE:-}" ]; then set -- "$@" --build-arg "CERTIFICATES=$CERTIFICATES_BASE"; fi
if [ -n "${LICENCE:-}" ]; then set -- "$@" --build-arg "LICENCE=$LICENCE"; fi
for setting in GOPROXY GOSUMDB GONOSUMDB GONOPROXY GOPRIVATE GOFLAGS; do
	value=$(go_setting "$setting")
	if [ -n "$value" ]; then set -- "$@" --build-arg "$setting=$value"; fi
done
if [ "$engine" = buildah ]; then
	modules=${MODULE_CACHE-$(go_setting GOMODCACHE)}
	objects=${BUILD_CACHE-$(go_setting GOCACHE)}
	if [ -d "$modules" ]; then set -- "$@" --volume "$modules:/go/pkg/mod"; fi
	if [ -d "$objects" ]; then set -- "$@" --volume "$objects:/root/.cache/go-build"; fi
fi

# A version may have build metadata (1.2.3+4), a tag may not.
tag=$(printf %s "$VERSION" | tr + _)
build resource "$IMAGE:$tag" "$@"
build installer "$IMAGE:$tag-installer" "$@"
printf '%s\n' "$IMAGE:$tag" "$IMAGE:$tag-installer"
