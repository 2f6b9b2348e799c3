// Command registryimage stands in for Concourse's registry-image resource type,
// whose module the Go proxy does not serve: it checks and gets images of a
// registry on the same machine, over HTTP, in the layout that Concourse expects of
// an image resource. As `wait URL`, `print TEXT` and `write FILE TEXT` it is what
// other teams' builds run.
package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// request is what Concourse gives check and in on stdin.
type request struct {
	Source struct {
		Repository string `json:"repository"` // "10.99.1.1:5000/perpetual"
		Tag        string `json:"tag"`        // "1.2.0", or a digest, "sha256:…"; default "latest"
	} `json:"source"`
	Version map[string]string `json:"version"` // {"tag": "1.2.0", "digest": "sha256:…"}
}

// metadata is metadata.json beside a root filesystem: what a container needs of
// the image's config.
type metadata struct {
	Env  []string `json:"env"`  // "PATH=/usr/local/bin"
	User string   `json:"user"` // "root"
}

// padding is the white space behind an answer, more than the pipes between this program
// and the worker can hold: runc's and containerd's, of 64 KiB each, and the shim's buffer
// of 32 KiB. By its source (worker/runtime/process.go, Process.Wait), Concourse's worker
// closes the pipes of a process once that has ended, and loses what it has not read by
// then; "unexpected end of JSON input" was seen on busy machines. With the padding this
// program can end only after the worker has read the answer, and white space is all that
// can get lost.
const padding = 512 << 10

func main() {
	err := errors.New("want check, in DIR, wait URL, print TEXT, or write FILE with TEXT")
	switch verb := filepath.Base(os.Args[0]); {
	case verb == "check":
		err = check()
	case verb == "in" && len(os.Args) == 2:
		err = in(os.Args[1])
	case len(os.Args) == 3 && os.Args[1] == "wait":
		err = wait(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "print":
		_, err = fmt.Println(os.Args[2])
	case len(os.Args) > 3 && os.Args[1] == "write":
		err = os.WriteFile(os.Args[2], []byte(strings.Join(os.Args[3:], "")), 0o644)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// reference is the image that a request names; by digest once that is known. A tag is
// not looked at, as by the real one (commands/check.go of registry-image-resource:
// repo.Tag), so that it may be a digest, which a registry takes in its place.
func (r request) reference() (name.Reference, error) {
	repository, err := name.NewRepository(r.Source.Repository, name.Insecure)
	if err != nil {
		return nil, err
	}
	if digest := r.Version["digest"]; digest != "" {
		return repository.Digest(digest), nil
	}
	return repository.Tag(r.tag()), nil
}

func (r request) tag() string {
	if r.Source.Tag == "" {
		return "latest"
	}
	return r.Source.Tag
}

// check prints the tag's digest.
func check() error {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	r.Version = nil
	reference, err := r.reference()
	if err != nil {
		return err
	}
	found, err := remote.Head(reference)
	if err != nil {
		return fmt.Errorf("look up %s: %w", reference, err)
	}
	return respond(os.Stdout, []map[string]string{{"tag": r.tag(), "digest": found.Digest.String()}})
}

// in lays out the image below dir.
func in(dir string) error {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	reference, err := r.reference()
	if err != nil {
		return err
	}
	image, err := remote.Image(reference)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", reference, err)
	}
	if err := extract(image, filepath.Join(dir, "rootfs")); err != nil {
		return fmt.Errorf("lay out %s: %w", reference, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	text, err := json.Marshal(metadata{Env: config.Config.Env, User: config.Config.User})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "metadata.json"), text, 0o644); err != nil {
		return err
	}
	return respond(os.Stdout, map[string]any{"version": r.Version})
}

// respond writes what Concourse reads on stdout, and the padding.
func respond(w io.Writer, value any) error {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return err
	}
	_, err := w.Write(bytes.Repeat([]byte(" "), padding))
	return err
}

// extract writes an image's files. os.Root keeps every path below dir.
func extract(image v1.Image, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	layers := mutate.Extract(image)
	defer func() { _ = layers.Close() }()
	files := tar.NewReader(layers)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := place(root, header, files); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// place writes one entry of an image.
func place(root *os.Root, header *tar.Header, content io.Reader) error {
	path := filepath.Clean(filepath.Join(".", header.Name))
	if path == "." {
		return nil
	}
	mode := os.FileMode(header.Mode).Perm()
	if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(path, mode); err != nil {
			return err
		}
		if header.Mode&0o1000 != 0 {
			mode |= os.ModeSticky
		}
		return root.Chmod(path, mode)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, path)
	case tar.TypeReg:
		file, err := root.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Close())
	}
	return fmt.Errorf("an entry of type %q is not expected here", header.Typeflag)
}

// wait is a build that takes its time: until a server answers with 200. It says
// every second that it waits.
func wait(url string) error {
	for n := 1; ; n++ {
		answer, err := http.Get(url)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		fmt.Printf("waiting for %d s\n", n)
		time.Sleep(time.Second)
	}
}
