package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
)

func TestFetch_verifiesByTheBestThatIsKnown(t *testing.T) {
	wrong1, wrong256 := strings.Repeat("0", 40), strings.Repeat("0", 64)
	cases := []struct {
		name string
		size int
		edit func(*artifact.File)
		log  string
	}{
		{"both", 700_000, func(*artifact.File) {}, "sha256 verified"},
		{"upper case", 10, func(f *artifact.File) { f.SHA256 = strings.ToUpper(f.SHA256) }, "sha256 verified"},
		{"only SHA-1", 700_000, func(f *artifact.File) { f.SHA256 = "" }, "sha1 verified"},
		{"a wrong SHA-1 beside the SHA-256", 10, func(f *artifact.File) { f.SHA1 = wrong1 }, "sha256 verified"},
		{"no size", 700_000, func(f *artifact.File) { f.Size = 0 }, "sha256 verified"},
		{"empty", 0, func(*artifact.File) {}, "0 bytes"},
		{"exactly one buffer", 256 << 10, func(*artifact.File) {}, "262.1 kB"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, c.size, nil)
			file := w.file()
			c.edit(&file)
			if err := w.fetch(t, artifact.Config{}, file); err != nil {
				t.Fatal(err)
			}
			w.holds(t, "file.tgz")
			if line := w.log.String(); !strings.HasPrefix(line, "file.tgz: ") || !strings.Contains(line, c.log) || strings.Count(line, "\n") != 1 {
				t.Errorf("log %q", line)
			}
		})
	}
	for name, edit := range map[string]func(*artifact.File){
		"sha256": func(f *artifact.File) { f.SHA256 = wrong256 },
		"sha1":   func(f *artifact.File) { f.SHA256, f.SHA1 = "", wrong1 },
		"size":   func(f *artifact.File) { f.Size++ },
	} {
		t.Run("wrong "+name, func(t *testing.T) {
			w := start(t, 700_000, nil)
			file := w.file()
			edit(&file)
			err := w.fetch(t, artifact.Config{}, file)
			var mismatch *artifact.MismatchError
			if !errors.As(err, &mismatch) || mismatch.What != name || !strings.Contains(err.Error(), mismatch.Want) ||
				!strings.Contains(err.Error(), mismatch.Got) || !strings.HasPrefix(err.Error(), "fetch file.tgz: its "+name+" is ") {
				t.Errorf("error %v", err)
			}
			w.holds(t)
			if n := len(w.script.Seen()); n != 1 {
				t.Errorf("%d requests, want no second try", n)
			}
		})
	}
}

func TestFetch_refusesBeforeItAsks(t *testing.T) {
	w := start(t, 10, nil)
	cases := []struct {
		name, want string
		edit       func(*artifact.File)
	}{
		{"no digest", "no digest of it is known", func(f *artifact.File) { f.SHA256, f.SHA1 = "", "" }},
		{"a digest that is none", "is not 64 hexadecimal digits", func(f *artifact.File) { f.SHA256 = "abc" }},
		{"a SHA-1 that is none", "is not 40 hexadecimal digits", func(f *artifact.File) { f.SHA1 = strings.Repeat("z", 40) }},
		{"no scheme", "no scheme and host", func(f *artifact.File) { f.URL = "example.com/f" }},
		{"another scheme", "no scheme and host", func(f *artifact.File) { f.URL = "file:///etc/passwd" }},
		{"no URL", "no scheme and host", func(f *artifact.File) { f.URL = "http://a b/%zz" }},
		{"no path", "no path", func(f *artifact.File) { f.Path = "" }},
		{"too large", "more than the 1.0 kB that are allowed", func(f *artifact.File) { f.Size = 2000 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			good, bad := w.file(), w.file()
			good.Path += ".other"
			c.edit(&bad)
			err := w.fetch(t, artifact.Config{MaxSize: 1000}, good, bad)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if err := w.fetch(t, artifact.Config{}, w.file(), w.file()); err == nil || !strings.Contains(err.Error(), "is to be at") {
		t.Errorf("two files at one path: error %v", err)
	}
	if seen := w.script.Seen(); len(seen) != 0 {
		t.Errorf("the server saw %+v", seen)
	}
	w.holds(t)
	if _, err := artifact.New(artifact.Config{CACert: "MIIB"}); !errors.Is(err, retry.ErrCACert) {
		t.Errorf("error %v, want ErrCACert", err)
	}
	if _, err := artifact.New(artifact.Config{CACert: " \n"}); err != nil {
		t.Errorf("a CA of nothing but space: %v", err)
	}
}

func TestFetch_takesUnverifiedFilesOnlyWhenAllowed(t *testing.T) {
	w := start(t, 1000, nil)
	file := w.file()
	file.SHA256, file.SHA1, file.Size = "", "", 0
	if err := w.fetch(t, artifact.Config{}, file); !errors.Is(err, artifact.ErrUnverified) {
		t.Errorf("error %v, want ErrUnverified", err)
	}
	file.Unverified = true
	if err := w.fetch(t, artifact.Config{}, file); err != nil || !strings.Contains(w.log.String(), "not verified") {
		t.Errorf("error %v, log %q", err, w.log)
	}
	w.holds(t, "file.tgz")
}

func TestFetch_replacesTheFileOnlyWithAWholeOne(t *testing.T) {
	w := start(t, 1000, nil)
	file := w.file()
	if err := os.WriteFile(file.Path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.script.Add(fault.Fault{Kind: fault.Status, Code: 404})
	if err := w.fetch(t, artifact.Config{}, file); err == nil {
		t.Error("404 is not an error")
	}
	if old, _ := os.ReadFile(file.Path); string(old) != "old" {
		t.Errorf("the old file is %q", old)
	}
	if err := w.fetch(t, artifact.Config{}, file); err != nil {
		t.Error(err)
	}
	w.holds(t, "file.tgz")
}

func TestFetch_downloadsSideBySideUpToALimit(t *testing.T) {
	w := start(t, 1000, nil)
	var mu sync.Mutex
	var open, most, opened int
	config := artifact.Config{Parallel: 3, Create: func(path string) (artifact.Target, error) {
		mu.Lock()
		defer mu.Unlock()
		open, opened = open+1, opened+1
		most = max(most, open)
		file, err := os.Create(path)
		return &counted{file, func() { mu.Lock(); open--; mu.Unlock() }}, err
	}}
	w.script.Add(fault.Fault{Kind: fault.SlowBody, Bytes: 300, Pause: time.Millisecond, Times: -1})
	var files []artifact.File
	var names []string
	for i := range 9 {
		file := w.file()
		file.Path += fmt.Sprint(i)
		files, names = append(files, file), append(names, fmt.Sprint("file.tgz", i))
	}
	if err := w.fetch(t, config, files...); err != nil {
		t.Fatal(err)
	}
	w.holds(t, names...)
	if most > 3 || most < 2 || opened != 9 || open != 0 {
		t.Errorf("%d at a time, %d in all, %d still open", most, opened, open)
	}
	if lines := strings.Count(w.log.String(), " verified\n"); lines != 9 {
		t.Errorf("%d lines in %q", lines, w.log)
	}
}

// counted tells when it is closed.
type counted struct {
	artifact.Target
	closed func()
}

// Close implements io.Closer.
func (c *counted) Close() error {
	if c.closed != nil {
		c.closed()
		c.closed = nil
	}
	return c.Target.Close()
}

func TestFetch_stopsTheOthersAtTheFirstError(t *testing.T) {
	w := start(t, 1000, nil)
	w.script.Add(fault.Fault{Path: "/hang", Kind: fault.Hang, Times: -1}, fault.Fault{Path: "/gone", Kind: fault.Status, Code: 404})
	hanging, gone, done := w.file(), w.file(), w.file()
	hanging.URL, hanging.Path = w.url+"/hang", hanging.Path+".hang"
	gone.URL, gone.Path, gone.Name = w.url+"/gone", gone.Path+".gone", "concourse"
	err := w.fetch(t, artifact.Config{Parallel: 1}, done, gone, hanging)
	if err == nil || !strings.HasPrefix(err.Error(), "fetch concourse: 127.0.0.1") || !strings.Contains(err.Error(), "answered 404 Not Found") {
		t.Errorf("error %v", err)
	}
	w.holds(t, "file.tgz")
	err = w.fetch(t, artifact.Config{}, hanging, artifact.File{URL: w.url + "/gone2", Path: gone.Path, SHA1: strings.Repeat("0", 40), Network: dial.Loopback})
	if err == nil || !strings.Contains(err.Error(), "its sha1 is") {
		t.Errorf("error %v", err)
	}
	w.holds(t, "file.tgz")
}

func TestFetch_endsWithItsContextAndLeavesNothing(t *testing.T) {
	for _, kind := range []fault.Fault{{Kind: fault.Hang}, {Kind: fault.SlowBody, Bytes: 100, Pause: time.Hour}} {
		w := start(t, 1000, nil)
		kind.Times = -1
		w.script.Add(kind)
		f, err := artifact.New(artifact.Config{Policy: fast})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := f.Fetch(ctx, w.file()); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "fetch file.tgz: stopped at ") {
			t.Errorf("%s: error %v, want a deadline", kind.Kind, err)
		}
		w.holds(t)
	}
	// During the wait before another try, too.
	w := start(t, 1000, nil)
	w.script.Add(fault.Fault{Kind: fault.CutBody, Bytes: 10, Times: -1})
	f, _ := artifact.New(artifact.Config{Policy: retry.Policy{Attempts: 3, First: time.Hour, Max: time.Hour}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Fetch(ctx, w.file()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a deadline", err)
	}
	w.holds(t)
}

func TestFetch_saysThatAHostIsUnreachable(t *testing.T) {
	w := start(t, 10, nil)
	file := w.file()
	file.URL = "http://" + vacant.Address(t) + "/f?sig=" + canary
	err := w.fetch(t, artifact.Config{}, file)
	if err == nil || !strings.Contains(err.Error(), "gave up after 4 tries at 0 bytes of 10 bytes: reach 127.0.0.1") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	w.holds(t)
}

func TestFetch_reportsProgress(t *testing.T) {
	w := start(t, 1<<20, nil)
	// Each buffer takes a read, so a line for each is due when the interval is nil.
	if err := w.fetch(t, artifact.Config{Every: time.Nanosecond}, w.file()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	if len(lines) < 3 || !strings.Contains(lines[0], " of 1.0 MB (") || !strings.HasSuffix(lines[0], "B/s") || !strings.HasSuffix(lines[len(lines)-1], "sha256 verified") {
		t.Errorf("log %q", lines)
	}
}

func BenchmarkFetch_300MiB(b *testing.B) {
	content := make([]byte, 300<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "f", time.Time{}, bytes.NewReader(content))
	}))
	defer server.Close()
	f, err := artifact.New(artifact.Config{})
	if err != nil {
		b.Fatal(err)
	}
	file := artifact.File{URL: server.URL, Path: filepath.Join(b.TempDir(), "f"), SHA256: fmt.Sprintf("%x", sha256.Sum256(content)), Network: dial.Loopback}
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Fetch(b.Context(), file); err != nil {
			b.Fatal(err)
		}
	}
}
