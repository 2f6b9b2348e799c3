package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// images are what the registry of a site serves.
type images struct {
	perpetual map[string]v1.Image // by version
	rootfs    map[string]string   // the same as directories
	waiter    v1.Image            // other teams' builds run in it
}

// digest is that of the image of the resource type in a version; "" of one that there is
// not.
func (i *images) digest(version string) string {
	image := i.perpetual[version]
	if image == nil {
		return ""
	}
	digest, err := image.Digest()
	if err != nil {
		return ""
	}
	return digest.String()
}

// buildImages builds the image of the resource type in both versions from the
// Dockerfile, or takes them from the cache if the sources are the same.
func (t *tools) buildImages(ctx context.Context) (*images, error) {
	digest, err := t.sourceDigest()
	if err != nil {
		return nil, err
	}
	set := &images{perpetual: map[string]v1.Image{}, rootfs: map[string]string{}}
	for _, version := range []string{oldPerpetual, newPerpetual} {
		dir := filepath.Join(t.cache, "image-"+version)
		if kept, _ := os.ReadFile(filepath.Join(dir, "source")); string(kept) != digest {
			t.say("build the image of Perpetual %s", version)
			if err := t.buildImage(ctx, version, dir, digest); err != nil {
				return nil, fmt.Errorf("build the image of %s: %w", version, err)
			}
		}
		set.rootfs[version] = filepath.Join(dir, "bundle/rootfs")
		if set.perpetual[version], err = readLayout(filepath.Join(dir, "oci")); err != nil {
			return nil, err
		}
	}
	set.waiter, err = t.waiterImage()
	return set, err
}

// buildImage builds one version with buildah, and lays it out in dir.
func (t *tools) buildImage(ctx context.Context, version, dir, digest string) error {
	bases, err := run(ctx, t.root, nil, filepath.Join(t.root, "pkg/image/local-bases.sh"))
	if err != nil {
		return err
	}
	sources := t.root
	if version == newPerpetual {
		if sources, err = t.newSources(ctx); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(sources) }()
	}
	args := []string{"bud", "--isolation", "chroot", "--layers=false", "--target", "resource",
		"--tag", "localhost/perpetual-e2e:" + version, "--build-arg", "VERSION=" + version}
	for line := range strings.Lines(bases) {
		argument, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		args = append(args, "--build-arg", strings.TrimSuffix(argument, "_BASE")+"="+value)
	}
	for setting, mounted := range map[string]string{"GOMODCACHE": "/go/pkg/mod", "GOCACHE": "/root/.cache/go-build"} {
		path, err := run(ctx, t.root, nil, "go", "env", setting)
		if err != nil {
			return err
		}
		args = append(args, "--volume", strings.TrimSpace(path)+":"+mounted)
	}
	for _, setting := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS"} {
		if value, _ := run(ctx, t.root, nil, "go", "env", setting); strings.TrimSpace(value) != "" {
			args = append(args, "--build-arg", setting+"="+strings.TrimSpace(value))
		}
	}
	if _, err := run(ctx, sources, nil, "buildah", append(args, ".")...); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	oci := filepath.Join(dir, "oci")
	for _, step := range [][]string{
		{"buildah", "push", "--quiet", "--format", "oci", "localhost/perpetual-e2e:" + version, "oci:" + oci + ":image"},
		{"umoci", "unpack", "--image", oci + ":image", filepath.Join(dir, "bundle")},
		{"buildah", "rmi", "localhost/perpetual-e2e:" + version},
	} {
		if _, err := run(ctx, t.root, nil, step[0], step[1:]...); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "source"), []byte(digest), 0o644)
}

// newSources is a copy of the sources whose bundled pipeline is another one, as
// that of a new version is.
func (t *tools) newSources(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp(t.work, "source-")
	if err != nil {
		return "", err
	}
	if _, err := run(ctx, t.root, nil, "cp", "-a", "Dockerfile", ".dockerignore", "go.mod", "go.sum", "cmd", "pipelines", "pkg", dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pipelines/self-upgrade.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	changed := newMark.Replace(string(text))
	if changed == string(text) {
		return "", fmt.Errorf("change %s: it does not hold what the new version changes", path)
	}
	return dir, os.WriteFile(path, []byte(changed), 0o644)
}

// readLayout reads the one image of an OCI layout.
func readLayout(dir string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", dir, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("read image %s: it holds %d images", dir, len(manifest.Manifests))
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// waiterImage is an image with nothing but a program that waits.
func (t *tools) waiterImage() (v1.Image, error) {
	program, err := os.ReadFile(t.bin("registryimage"))
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	if err := writeTar(&files, nil, map[string][]byte{"bin/registryimage": program}); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(empty.Image, layer)
}

// push uploads an image to the registry at an address: "10.99.1.1:40123".
func push(ctx context.Context, registry, repository, tag string, image v1.Image) error {
	reference, err := name.NewTag(registry+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		return err
	}
	if err := remote.Write(reference, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("push %s: %w", reference, err)
	}
	return nil
}
