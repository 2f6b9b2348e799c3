package artifact_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// full is a disk with room for so many bytes.
type full struct {
	artifact.Target
	room int
	err  error
}

// Write implements io.Writer.
func (f *full) Write(p []byte) (int, error) {
	if len(p) <= f.room {
		f.room -= len(p)
		return f.Target.Write(p)
	}
	n, _ := f.Target.Write(p[:f.room])
	f.room = 0
	return n, f.err
}

// deaf is a disk that fails when it is asked to keep what it has.
type deaf struct{ artifact.Target }

// Sync says what a broken disk says.
func (deaf) Sync() error { return &os.PathError{Op: "sync", Path: "x", Err: syscall.EIO} }

func TestFetch_saysThatTheDiskIsFull(t *testing.T) {
	cases := map[string]struct {
		room int
		err  error
		want string
	}{
		"at once":            {0, syscall.ENOSPC, "the disk is full after 0 bytes; nothing is left of it"},
		"in the middle":      {400_000, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "the disk is full after 400.0 kB"},
		"by quota":           {400_000, syscall.EDQUOT, "the disk is full after 400.0 kB"},
		"broken":             {400_000, &os.PathError{Op: "write", Path: "x", Err: syscall.EIO}, "input/output error"},
		"silent about it":    {400_000, nil, "short write"},
		"only when it syncs": {1 << 30, nil, "input/output error"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t, 1_000_000, nil)
			config := artifact.Config{Create: func(path string) (artifact.Target, error) {
				file, err := os.Create(path)
				if c.room == 1<<30 {
					return deaf{file}, err
				}
				return &full{Target: file, room: c.room, err: c.err}, err
			}}
			err := w.fetch(t, config, w.file())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "fetch file.tgz: write "+w.folder+"/file.tgz: ") {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("errors.Is(%v) is false", c.err)
			}
			w.holds(t)
			if n := len(w.script.Seen()); n != 1 {
				t.Errorf("%d requests, want no second try", n)
			}
		})
	}
}

func TestFetch_saysThatItCannotWriteThere(t *testing.T) {
	w := start(t, 10, nil)
	file := w.file()
	file.Path = filepath.Join(w.folder, "no", "such", "folder", "f")
	if err := w.fetch(t, artifact.Config{}, file); err == nil || !strings.Contains(err.Error(), "no such file or directory") || strings.Contains(err.Error(), "partial") {
		t.Errorf("error %v", err)
	}
	file.Path = w.folder // a folder cannot be replaced
	if err := w.fetch(t, artifact.Config{}, file); err == nil {
		t.Error("a folder was replaced")
	}
	w.holds(t)
	if beside, _ := filepath.Glob(filepath.Dir(w.folder) + "/.*partial*"); len(beside) != 0 {
		t.Errorf("left behind: %v", beside)
	}
}

// While it is written a file has another name, and only its owner may read it.
func TestFetch_showsNothingBeforeItIsWhole(t *testing.T) {
	w := start(t, 600_000, nil)
	var seen []string
	config := artifact.Config{Create: func(path string) (artifact.Target, error) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		return &watched{file, func() {
			names, _ := os.ReadDir(w.folder)
			for _, n := range names {
				seen = append(seen, n.Name())
			}
		}}, err
	}}
	if err := w.fetch(t, config, w.file()); err != nil {
		t.Fatal(err)
	}
	if len(seen) < 2 {
		t.Fatalf("seen %v", seen)
	}
	for _, name := range seen {
		if !strings.HasPrefix(name, ".file.tgz.partial-") {
			t.Errorf("while it was written there was %s", name)
		}
	}
	w.holds(t, "file.tgz")
}

// watched looks around at each write.
type watched struct {
	artifact.Target
	look func()
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.look()
	return w.Target.Write(p)
}

func TestFetch_givesCredentialsToTheURLsOwnHostOnly(t *testing.T) {
	w, other := start(t, 1000, nil), start(t, 1000, nil)
	file := w.file()
	file.Header = http.Header{"Authorization": {"Bearer " + canary}, "Accept": {"application/octet-stream"}, "Private-Token": {canary}, "Cookie": {"c=" + canary}}

	w.script.Add(fault.Fault{Kind: fault.Redirect, To: "/elsewhere/on/this/host"})
	if err := w.fetch(t, artifact.Config{}, file); err != nil {
		t.Fatal(err)
	}
	for i, seen := range w.script.Seen() {
		if !seen.Authorization || seen.Header.Get("Private-Token") == "" || seen.Header.Get("Accept") != "application/octet-stream" {
			t.Errorf("request %d on its own host: %+v", i, seen)
		}
	}

	w.script.Add(fault.Fault{Kind: fault.Redirect, To: other.url + "/file?sig=" + canary, Times: -1})
	other.script.Add(fault.Fault{Kind: fault.CutBody, Bytes: 100})
	if err := w.fetch(t, artifact.Config{}, file); err != nil {
		t.Fatal(err)
	}
	seen := other.script.Seen()
	if len(seen) != 2 || seen[1].Header.Get("Range") == "" || seen[1].Header.Get("If-Range") == "" {
		t.Errorf("the other host saw %+v, want the rest asked for there too", seen)
	}
	for _, s := range seen {
		if s.Authorization || strings.Contains(fmt.Sprint(s.Header), "canary") || s.Header.Get("Accept") != "application/octet-stream" {
			t.Errorf("the other host saw %+v", s)
		}
	}
	other.script.Add(fault.Fault{Kind: fault.Status, Code: 403, Times: -1})
	if err := w.fetch(t, artifact.Config{}, file); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(other.url, "http://")+" answered 403") {
		t.Errorf("error %v, want the host that refused", err)
	}
	if file.Header.Get("Range") != "" {
		t.Error("the caller's header was changed")
	}
}

func TestFetch_followsNothingFromHTTPSToHTTPNorInCircles(t *testing.T) {
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	w, insecure := start(t, 1000, ca), start(t, 1000, nil)
	w.script.Add(fault.Fault{Path: "/file.tgz", Kind: fault.Redirect, To: insecure.url, Times: -1})
	err = w.fetch(t, artifact.Config{CACert: ca.PEM()}, w.file())
	if err == nil || !strings.Contains(err.Error(), "redirects from https to http://") || len(insecure.script.Seen()) != 0 || len(w.script.Seen()) != 1 {
		t.Errorf("error %v, the insecure server saw %+v", err, insecure.script.Seen())
	}
	circle := w.file()
	circle.URL = w.url + "/circle"
	w.script.Add(fault.Fault{Path: "/circle", Kind: fault.Redirect, To: "/circle", Times: -1})
	if err := w.fetch(t, artifact.Config{CACert: ca.PEM()}, circle); err == nil || !strings.Contains(err.Error(), "redirects in circles") {
		t.Errorf("error %v", err)
	}
	w.holds(t)
}

func TestFetch_trustsTheGivenCA(t *testing.T) {
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, 400_000, ca)
	if err := w.fetch(t, artifact.Config{CACert: other.PEM() + "\n" + ca.PEM()}, w.file()); err != nil {
		t.Error(err)
	}
	w.holds(t, "file.tgz")
	w.script.Forget()
	for trusted, want := range map[string]string{other.PEM(): "with the given ca_cert", "": "with the system's CAs (ca_cert is not set)"} {
		err := w.fetch(t, artifact.Config{CACert: trusted}, w.file())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if seen := w.script.Seen(); len(seen) != 0 {
		t.Errorf("the server saw %+v", seen)
	}
}

// The digest is that of the file: a server must not compress it on the way.
func TestFetch_asksForTheFileAsItIs(t *testing.T) {
	w := start(t, 10, nil)
	if err := w.fetch(t, artifact.Config{}, w.file()); err != nil {
		t.Fatal(err)
	}
	if h := w.script.Seen()[0].Header; h.Get("Accept-Encoding") != "" || !strings.HasPrefix(h.Get("User-Agent"), "perpetual") {
		t.Errorf("header %v", h)
	}
}
