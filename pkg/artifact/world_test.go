package artifact_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

const canary = "canary-0123456789"

var fast = retry.Policy{Attempts: 4, First: time.Millisecond, Max: 2 * time.Second}

// world is a server of one file, with faults before it, and an empty folder.
type world struct {
	content []byte
	etag    string // of the file; may be changed between requests
	script  *fault.Script
	url     string
	folder  string
	log     *bytes.Buffer
}

// start serves size bytes with a CA's certificate, or without TLS.
func start(t *testing.T, size int, ca *tlsca.CA) *world {
	t.Helper()
	w := &world{content: make([]byte, size), etag: `"one"`, script: &fault.Script{}, folder: t.TempDir(), log: &bytes.Buffer{}}
	for i := range w.content {
		w.content[i] = byte(i * 7 >> 3)
	}
	server := httptest.NewUnstartedServer(w.script.Wrap(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("ETag", w.etag)
		http.ServeContent(rw, r, "file.tgz", time.Unix(1e9, 0), bytes.NewReader(w.content))
	})))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if ca == nil {
		server.Start()
	} else {
		config, err := ca.Config(tlsca.Options{})
		if err != nil {
			t.Fatal(err)
		}
		server.TLS = config
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	t.Cleanup(w.script.Close)
	w.url = server.URL
	return w
}

// file is the world's file, with everything known of it.
func (w *world) file() artifact.File {
	return artifact.File{
		URL: w.url + "/file.tgz", Path: filepath.Join(w.folder, "file.tgz"), Size: int64(len(w.content)), Network: dial.Loopback,
		SHA256: fmt.Sprintf("%x", sha256.Sum256(w.content)), SHA1: fmt.Sprintf("%x", sha1.Sum(w.content)),
	}
}

// fetch downloads files and gives the error, after checking what is true of any.
func (w *world) fetch(t *testing.T, config artifact.Config, files ...artifact.File) error {
	t.Helper()
	if config.Policy.Attempts == 0 {
		config.Policy = fast
	}
	config.Log = w.log
	f, err := artifact.New(config)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Fetch(t.Context(), files...)
	for _, text := range []string{fmt.Sprint(err), w.log.String()} {
		if strings.Contains(text, "canary") || strings.Contains(fmt.Sprint(err), "\n") {
			t.Errorf("several lines, or a credential, in %q", text)
		}
	}
	return err
}

// holds checks that the folder has just these files, each with the world's content.
func (w *world) holds(t *testing.T, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(w.folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
		content, err := os.ReadFile(filepath.Join(w.folder, e.Name()))
		if err != nil || !bytes.Equal(content, w.content) {
			t.Errorf("%s has %d bytes, error %v", e.Name(), len(content), err)
		}
		if info, _ := e.Info(); info.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the folder holds %v, want %v", got, names)
	}
}
