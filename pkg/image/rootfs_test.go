//go:build image

package image_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// version is what the images under test are built as.
const version = "9.8.7-test.1"

// rootfs is an image's root filesystem, laid out in a directory.
type rootfs struct {
	dir    string
	config imageConfig
}

// imageConfig is the part of an OCI image's config that engines and Concourse act on.
type imageConfig struct {
	User       string            // "root"
	Env        []string          // "PATH=/usr/local/bin:/opt/resource"
	Entrypoint []string          // "/usr/local/bin/perpetual"
	WorkingDir string            // "/work"
	Labels     map[string]string // "org.opencontainers.image.version": "1.2.3"
}

// ociManifest is what an OCI layout's index and an image's manifest share:
// references to other blobs.
type ociManifest struct {
	Manifests []descriptor `json:"manifests"`
	Layers    []descriptor `json:"layers"`
}

type descriptor struct {
	MediaType string `json:"mediaType"` // "application/vnd.oci.image.layer.v1.tar+gzip"
	Digest    string `json:"digest"`    // "sha256:4baa1f2c…"
	Size      int64  `json:"size"`      // bytes as stored, so compressed
}

// run starts a program of the image with the image as its root and as the given
// user, and returns its exit code and what it printed.
func (r rootfs) run(t *testing.T, uid uint32, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = r.config.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: r.dir, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("run %s in the image: %v", args[0], err)
		}
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// buildImages makes the local bases and both images of the Dockerfile, which are
// gone after the test; the bases stay for the next run.
func buildImages(t *testing.T) (resource, installer string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("root is needed to make and enter root filesystems")
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		t.Skip("Debian is needed: the local base images are made of its packages")
	}
	env := []string{"ENGINE=buildah", "IMAGE=localhost/perpetual-image-test", "VERSION=" + version, "LICENCE=Example-1.0"}
	for line := range strings.Lines(command(t, nil, "./local-bases.sh")) {
		env = append(env, strings.TrimPrefix(strings.TrimSpace(line), "export "))
	}
	resource = "localhost/perpetual-image-test:" + version
	installer = resource + "-installer"
	t.Cleanup(func() {
		for _, name := range []string{resource, installer} {
			if exec.CommandContext(context.Background(), "buildah", "inspect", "--type", "image", name).Run() != nil {
				continue // the build did not get that far
			}
			if out, err := exec.CommandContext(context.Background(), "buildah", "rmi", name).CombinedOutput(); err != nil {
				t.Errorf("remove the image %s: %v: %s", name, err, out)
			}
		}
	})
	command(t, env, "./build.sh")
	return resource, installer
}

// unpack lays a pushed image out the way a registry's client would, and returns
// the sizes of its compressed layers too.
func unpack(t *testing.T, name string) (rootfs, int64) {
	t.Helper()
	layout, bundle := filepath.Join(t.TempDir(), "oci"), filepath.Join(t.TempDir(), "bundle")
	command(t, nil, "buildah", "push", "--quiet", "--format", "oci", name, "oci:"+layout+":image")
	command(t, nil, "umoci", "unpack", "--image", layout+":image", bundle)
	var index, manifest ociManifest
	readJSON(t, filepath.Join(layout, "index.json"), &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("got %d manifests in the layout, want one", len(index.Manifests))
	}
	readJSON(t, filepath.Join(layout, "blobs", strings.ReplaceAll(index.Manifests[0].Digest, ":", "/")), &manifest)
	var size int64
	for _, layer := range manifest.Layers {
		if !strings.HasSuffix(layer.MediaType, "+gzip") {
			t.Errorf("got a layer of type %s, want gzip: its size says nothing about a download", layer.MediaType)
		}
		size += layer.Size
	}
	return rootfs{dir: filepath.Join(bundle, "rootfs"), config: inspect(t, name)}, size
}

// mount lays an image out as a container's writable root filesystem, without
// compressing and copying it first.
func mount(t *testing.T, name string) rootfs {
	t.Helper()
	container := strings.TrimSpace(command(t, nil, "buildah", "from", "--pull-never", name))
	t.Cleanup(func() {
		// Removing a container unmounts it.
		if out, err := exec.CommandContext(context.Background(), "buildah", "rm", container).CombinedOutput(); err != nil {
			t.Errorf("remove the container of %s: %v: %s", name, err, out)
		}
	})
	return rootfs{dir: strings.TrimSpace(command(t, nil, "buildah", "mount", container)), config: inspect(t, name)}
}

func inspect(t *testing.T, name string) imageConfig {
	t.Helper()
	var image struct {
		OCIv1 struct{ Config imageConfig }
	}
	if err := json.Unmarshal([]byte(command(t, nil, "buildah", "inspect", "--type", "image", name)), &image); err != nil {
		t.Fatalf("decode what buildah says of %s: %v", name, err)
	}
	return image.OCIv1.Config
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
}

// command runs a program of the machine and returns its stdout; stderr is shown
// only when it fails, because a build says a lot.
func command(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}
