package client_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
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

func TestLogs_comeFromTheInstance(t *testing.T) {
	s := simulateWith(t, director.Options{Logs: func(u director.Update) map[string][]byte {
		return map[string][]byte{
			"gate/post-start.stdout.log": []byte(u.Group + " waits"),
			"web/web.stdout.log":         []byte("web"),
		}
	}})
	task, err := s.client.Wait(t.Context(), s.deploy(t, ""), nil)
	if err != nil || !task.Succeeded() {
		t.Fatal(task, err)
	}
	instances, err := s.client.Instances(t.Context(), "concourse")
	if err != nil {
		t.Fatal(err)
	}
	if got := instances[0].AgentID; got == "" || got != s.Director.Instances("concourse")[0].AgentID {
		t.Errorf("agent %q", got)
	}
	logs, err := s.client.Logs(t.Context(), "concourse", "web", instances[0].ID)
	if err != nil || len(logs) != 2 || string(logs["gate/post-start.stdout.log"]) != "web waits" {
		t.Errorf("logs %q, error %v", logs, err)
	}
	logs, err = s.client.Logs(t.Context(), "concourse", "web", instances[0].ID, "gate/*")
	if err != nil || len(logs) != 1 {
		t.Errorf("logs of the gate %q, error %v", logs, err)
	}
	for _, absent := range [][2]string{{"concourse", "nope"}, {"nope", instances[0].ID}} {
		if _, err := s.client.Logs(t.Context(), absent[0], "web", absent[1]); !errors.Is(err, bosh.ErrNotFound) {
			t.Errorf("%s: error %v", absent, err)
		}
	}
}

// logsOf are the routes of a director whose logs are an archive.
func logsOf(archive []byte) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /deployments/d/jobs/web/i/logs": started(3),
		"GET /tasks/3":                       text(200, strings.Replace(task(3, "done"), `"result":null`, `"result":"blob-1"`, 1)),
		"GET /tasks/3/output":                text(200, ""),
		"GET /resources/blob-1":              text(200, string(archive)),
	}
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
	client, d := connect(t, logsOf(whole))
	logs, err := client.Logs(t.Context(), "d", "web", "i", "gate/*", "web/*")
	if err != nil || len(logs) != 2 || len(logs["gate/post-start.stdout.log"]) != 3 || logs["web/web.log"] == nil {
		t.Errorf("logs %q, error %v", logs, err)
	}
	if got := d.requests()[0]; got != "GET /deployments/d/jobs/web/i/logs?filters=gate%2F%2A%2Cweb%2F%2A&type=job" {
		t.Errorf("asked %s", got)
	}
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"too large":         {packed(t, file("web/web.log", 33<<20)), "it has more than 32 MiB"},
		"too large at last": {packed(t, file("a", 31<<20), file("b", 2<<20)), "it has more than 32 MiB"},
		"too many":          {packed(t, many...), "more than 2000 files"},
		"absolute":          {packed(t, file("/etc/passwd", 0)), `named "/etc/passwd"`},
		"out of its folder": {packed(t, file("web/../../x", 0)), `named "web/../../x"`},
		"no archive":        {[]byte("no"), "unpack them"},
		"cut":               {whole[:len(whole)-12], "unexpected EOF"},
		"empty":             {nil, "EOF"},
	} {
		client, _ := connect(t, logsOf(c.archive))
		logs, err := client.Logs(t.Context(), "d", "web", "i")
		if err == nil || logs != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "fetch logs of web/i") {
			t.Errorf("%s: %d files, error %v", name, len(logs), err)
		}
	}
}

func TestLogs_failWithTheTaskThatFetchesThem(t *testing.T) {
	routes := logsOf(nil)
	routes["GET /tasks/3"] = text(200, strings.Replace(task(3, "error"), `"result":null`, `"result":"'web/i (0)' doesn't reference a VM"`, 1))
	client, _ := connect(t, routes)
	if _, err := client.Logs(t.Context(), "d", "web", "i"); err == nil || !strings.Contains(err.Error(), "director task 3 ended as error: 'web/i (0)' doesn't reference a VM") {
		t.Errorf("error %v", err)
	}
	routes = logsOf(nil)
	routes["GET /tasks/3"] = text(200, task(3, "done"))
	client, _ = connect(t, routes)
	if _, err := client.Logs(t.Context(), "d", "web", "i"); err == nil || !strings.Contains(err.Error(), "names no file") {
		t.Errorf("error %v", err)
	}
	routes = logsOf(nil)
	routes["GET /resources/blob-1"] = text(401, `{"code":600000,"description":"Require one of the scopes: bosh.admin"}`)
	client, _ = connect(t, routes)
	if _, err := client.Logs(t.Context(), "d", "web", "i"); !errors.Is(err, bosh.ErrForbidden) {
		t.Errorf("error %v", err)
	}
}

// FuzzLogs feeds foreign bytes as an archive of logs: files within bounds and
// with names below the folder, or one line of error.
func FuzzLogs(f *testing.F) {
	f.Add(packed(f, &tar.Header{Name: "./gate/post-start.stdout.log", Size: 3, Typeflag: tar.TypeReg}))
	f.Add(packed(f, &tar.Header{Name: "../x", Typeflag: tar.TypeReg}, &tar.Header{Name: "l", Linkname: "x", Typeflag: tar.TypeSymlink}))
	f.Add([]byte{0x1f, 0x8b})
	var archive []byte
	d := newDirector(f, nil)
	d.routes = logsOf(nil)
	d.routes["GET /resources/blob-1"] = func(w http.ResponseWriter, r *http.Request) { text(200, string(archive))(w, r) }
	config := login(d)
	config.Retry = retry.Never
	client := newClient(f, config)
	f.Fuzz(func(t *testing.T, content []byte) {
		archive = content
		logs, err := client.Logs(t.Context(), "d", "web", "i")
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
