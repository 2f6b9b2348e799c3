package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh/archive"
)

// packed is a gzipped tar archive; a header without a size gets that of its content.
func packed(t testing.TB, files ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range files {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestLogs_areBoundedAndStayInTheirFolder(t *testing.T) {
	file := func(name string, size int64) *tar.Header {
		return &tar.Header{Name: name, Size: size, Mode: 0o600, Typeflag: tar.TypeReg}
	}
	var many []*tar.Header
	for n := range 2_001 {
		many = append(many, file(fmt.Sprintf("web/%d.log", n), 0))
	}
	whole := packed(t, file("./gate/post-start.stdout.log", 3), &tar.Header{Name: "web/", Typeflag: tar.TypeDir},
		&tar.Header{Name: "web/link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}, file("web//web.log", 0))
	logs, err := archive.Logs(whole)
	if err != nil || len(logs) != 2 || len(logs["gate/post-start.stdout.log"]) != 3 || logs["web/web.log"] == nil {
		t.Errorf("logs %q, error %v", logs, err)
	}
	for name, c := range map[string]struct {
		packed []byte
		want   string
	}{
		"too large":         {packed(t, file("web/web.log", 33<<20)), "it has more than 32 MiB"},
		"too large at last": {packed(t, file("a", 31<<20), file("b", 2<<20)), "it has more than 32 MiB"},
		"too many":          {packed(t, many...), "more than 2000 files"},
		"absolute":          {packed(t, file("/etc/passwd", 0)), `named "/etc/passwd"`},
		"out of its folder": {packed(t, file("web/../../x", 0)), `named "web/../../x"`},
		"no archive":        {[]byte("no"), "unexpected EOF"},
		"cut":               {whole[:len(whole)-12], "unexpected EOF"},
		"empty":             {nil, "EOF"},
	} {
		logs, err := archive.Logs(c.packed)
		if err == nil || logs != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d files, error %v", name, len(logs), err)
		}
	}
}

// FuzzLogs feeds foreign bytes as an archive of logs: files within bounds and
// with names below the folder, or one line of error.
func FuzzLogs(f *testing.F) {
	f.Add(packed(f, &tar.Header{Name: "./gate/post-start.stdout.log", Size: 3, Typeflag: tar.TypeReg}))
	f.Add(packed(f, &tar.Header{Name: "../x", Typeflag: tar.TypeReg}, &tar.Header{Name: "l", Linkname: "x", Typeflag: tar.TypeSymlink}))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, content []byte) {
		logs, err := archive.Logs(content)
		total := 0
		for name, text := range logs {
			total += len(text)
			if name == "" || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "../") || name == ".." {
				t.Errorf("name %q", name)
			}
		}
		if total > 32<<20 || len(logs) > 2_000 || (err != nil && (logs != nil || strings.Contains(err.Error(), "\n"))) {
			t.Errorf("%d files, %d bytes, error %v", len(logs), total, err)
		}
	})
}
