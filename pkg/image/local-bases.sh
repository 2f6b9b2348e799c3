#!/bin/sh
# Makes the base images of the Dockerfile out of what this machine has, for a
# machine that can pull no image: a Debian root filesystem from its own package
# mirror, and the same with the Go tree that is installed here. What exists
# already is used again. Prints shell assignments for build.sh:
#
#   eval "$(pkg/image/local-bases.sh)" && pkg/image/build.sh
#
# Needs root on Debian: debootstrap makes device nodes and changes root.
# The Debian image ages: FRESH=1 builds it again, with today's packages.
set -eu

suite=bookworm
debian=localhost/debian:$suite-slim
work=
container=

say() { printf '%s\n' "local-bases: $*" >&2; }

fail() {
	say "$*"
	exit 1
}

# clean leaves neither a container nor a directory behind, however the script ends.
clean() {
	if [ -n "$container" ]; then buildah rm "$container" >&2 || true; fi
	if [ -n "$work" ]; then rm -rf --one-file-system "$work"; fi
}

update_lists() { apt-get update >&2 || fail "update the package lists: apt-get update ended with an error"; }

# install_tools adds Debian's packages for the tools that are absent. The package
# lists of a new machine are empty or old, hence the update, but only when needed.
install_tools() {
	missing=
	for tool in buildah debootstrap umoci; do
		command -v "$tool" >/dev/null || missing="$missing $tool"
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	update_lists
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing >&2 ||
		fail "install$missing: apt-get install ended with an error"
}

# mirror prints the address of the archive with the given label that apt uses here.
mirror() {
	# shellcheck disable=SC2016 # these are apt's variables, not the shell's
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^Debian|$1|main|//p" | head -n 1
}

exists() { buildah inspect --type image "$1" >/dev/null 2>&1; }

# write_apt gives the new system the machine's archives, security updates
# included, and its word on repositories whose date has passed (a frozen mirror
# has only such); nothing else of the machine's apt settings, which may hold credentials.
write_apt() {
	security=$(mirror Debian-Security)
	{
		printf 'deb %s %s main\n' "$archive" "$suite"
		printf 'deb %s %s-updates main\n' "$archive" "$suite"
		[ -z "$security" ] || printf 'deb %s %s-security main\n' "$security" "$suite"
	} >"$1/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::Check-(Valid-Until|Date) ' >"$1/etc/apt/apt.conf.d/90local" || true
}

make_debian() {
	archive=$(mirror Debian)
	if [ -z "$archive" ]; then # apt knows an archive's label only once its lists are here
		update_lists
		archive=$(mirror Debian)
	fi
	[ -n "$archive" ] || fail "find a Debian archive: apt has no source for Debian main; look at its sources"
	say "making $debian"
	debootstrap --variant=minbase "$suite" "$work/debian" "$archive" >&2 ||
		fail "make a root filesystem of $suite: debootstrap ended with an error"
	write_apt "$work/debian"
	rm -rf "$work/debian/var/cache/apt/archives" "$work/debian/var/lib/apt/lists"
	mkdir -p "$work/debian/var/cache/apt/archives/partial" "$work/debian/var/lib/apt/lists/partial"
	container=$(buildah from scratch)
	buildah add --quiet "$container" "$work/debian" / >/dev/null
	buildah config --cmd bash "$container"
	commit "$debian"
}

# make_go adds to Debian the Go tree and the certificates that this machine trusts
# (a module proxy may be behind a company's own). The image only builds: nothing
# but the binaries leaves it.
make_go() {
	say "making $go_image"
	mkdir -p "$work/go/usr/local" "$work/go/etc/ssl/certs" "$work/go/go"
	cp -R "$(go env GOROOT)" "$work/go/usr/local/go"
	rm -rf "$work/go/usr/local/go/test" "$work/go/usr/local/go/doc"
	cp -L /etc/ssl/certs/ca-certificates.crt "$work/go/etc/ssl/certs/"
	container=$(buildah from --pull-never "$debian")
	buildah add --quiet "$container" "$work/go" / >/dev/null
	buildah config --env GOPATH=/go --env GOTOOLCHAIN=local --workingdir /go \
		--env PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
	commit "$go_image"
}

# commit gives the container's image its name, and removes the one that had it before.
commit() {
	before=$(buildah inspect --type image --format '{{.FromImageID}}' "$1" 2>/dev/null || true)
	buildah commit --quiet "$container" "$1" >/dev/null
	buildah rm "$container" >/dev/null
	container=
	if [ -n "$before" ] && buildah images --quiet --no-trunc --filter dangling=true | grep -q "$before"; then
		# Another image may still stand on it; then it goes with that one.
		buildah rmi "$before" >/dev/null 2>&1 || true
	fi
}

[ "$(id -u)" -eq 0 ] || fail "root is needed: debootstrap makes device nodes and changes root"
command -v apt-get >/dev/null || fail "Debian is needed: the images are made of its packages, and there is no apt-get here"
command -v go >/dev/null || fail "Go is needed: its tree becomes the image that builds; put go on PATH"
[ -s /etc/ssl/certs/ca-certificates.crt ] || fail "certificates are needed: install the package ca-certificates"

# The tag has Go's version, so that a newer Go on the machine gets a newer image.
go_image=localhost/golang:$(go env GOVERSION | sed 's/^go//')-$suite

trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
work=$(mktemp -d)

install_tools
if [ -n "${FRESH:-}" ] || ! exists "$debian"; then make_debian; fi
if [ -n "${FRESH:-}" ] || ! exists "$go_image"; then make_go; fi
printf 'export DEBIAN_BASE=%s\nexport GO_BASE=%s\n' "$debian" "$go_image"
