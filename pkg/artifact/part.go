package artifact

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // all that bosh.io knows of older files
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Reading, writing and hashing overlap: while one buffer is hashed the next is
// read and written. A TLS record is 16 KiB, so a buffer takes several.
const (
	bufferSize  = 256 << 10
	bufferCount = 4
)

// part is the beginning of a file, under a temporary name beside its final one.
type part struct {
	target  Target
	path    string    // temporary
	final   string    // for errors
	checked string    // sha256, sha1, or "" if nothing is known of the file
	hash    hash.Hash // of all that was written; nil if unchecked
	written int64
	free    chan []byte
}

// partialPrefix begins the temporary names of a file.
func partialPrefix(base string) string { return "." + base + ".partial-" }

// removeRemains removes what a killed run has left of a file. That a file is
// fetched to the same place by two runs at once is not foreseen: the directory of
// a get belongs to one run.
func removeRemains(path string) {
	directory, base := filepath.Split(path)
	entries, _ := os.ReadDir(filepath.Clean(directory)) // what cannot be listed, the download finds out
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partialPrefix(base)) {
			_ = os.Remove(filepath.Join(directory, e.Name()))
		}
	}
}

// newPart creates an empty part. A name with a random end never meets one that
// is there, whoever made it.
func newPart(create func(string) (Target, error), file File) (*part, error) {
	directory, base := filepath.Split(file.Path)
	p := &part{
		path:  filepath.Join(directory, partialPrefix(base)+strings.ToLower(rand.Text()[:8])),
		final: file.Path,
		free:  make(chan []byte, bufferCount),
	}
	var err error
	if p.target, err = create(p.path); err != nil {
		return nil, &writeError{path: file.Path, err: err}
	}
	switch {
	case file.SHA256 != "":
		p.checked, p.hash = "sha256", sha256.New()
	case file.SHA1 != "":
		p.checked, p.hash = "sha1", sha1.New() //nolint:gosec // see the import
	}
	for range bufferCount {
		p.free <- make([]byte, bufferSize)
	}
	return p, nil
}

// take appends a body until its end, and fails with *writeError, with errRefused
// if the whole would have more than limit bytes, or with what the body said. All
// that was written by then is hashed, so that the rest can follow later.
func (p *part) take(body io.Reader, limit int64, tick func()) error {
	work, hashed := make(chan []byte, bufferCount), make(chan struct{})
	go func() {
		defer close(hashed)
		for b := range work {
			if p.hash != nil {
				_, _ = p.hash.Write(b)
			}
			p.free <- b[:cap(b)]
		}
	}()
	defer func() { close(work); <-hashed }()
	for {
		buffer := <-p.free
		n, readErr := fill(body, buffer)
		if p.written+int64(n) > limit {
			p.free <- buffer
			return fmt.Errorf("take the file: it goes on after %s: %w", bytesText(limit), errRefused)
		}
		if m, err := p.target.Write(buffer[:n]); err != nil || m < n {
			p.free <- buffer
			return &writeError{path: p.final, at: p.written + int64(m), err: errors.Join(err, short(m, n))}
		}
		p.written += int64(n)
		work <- buffer[:n]
		tick()
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// short is an error if fewer bytes were written than given.
func short(got, want int) error {
	if got < want {
		return io.ErrShortWrite
	}
	return nil
}

// fill reads until the buffer is full, a second has passed, or the body ends.
// io.EOF is its end; a body that is cut gives another error.
func fill(body io.Reader, buffer []byte) (n int, err error) {
	for start := time.Now(); n < len(buffer) && err == nil; {
		var m int
		m, err = body.Read(buffer[n:])
		n += m
		if time.Since(start) > time.Second {
			break
		}
	}
	return n, err
}

// digest says which digest was wanted, and which the part has.
func (p *part) digest(file File) (what, want, got string) {
	if p.hash == nil {
		return "", "", ""
	}
	want = file.SHA256
	if p.checked == "sha1" {
		want = file.SHA1
	}
	return p.checked, strings.ToLower(want), hex.EncodeToString(p.hash.Sum(nil))
}

// publish makes the part durable and gives it its final name and mode.
func (p *part) publish() error {
	for _, step := range []func() error{
		p.target.Sync,
		p.target.Close,
		func() error { return os.Chmod(p.path, 0o644) }, //nolint:gosec // the tasks of a build read it as other users
		func() error { crash.Here("before-rename"); return os.Rename(p.path, p.final) },
	} {
		if err := step(); err != nil {
			p.remove()
			return &writeError{path: p.final, at: p.written, err: err}
		}
	}
	crash.Here("after-rename")
	return nil
}

// remove leaves nothing behind.
func (p *part) remove() {
	_ = p.target.Close()
	_ = os.Remove(p.path)
}
