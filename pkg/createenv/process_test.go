package createenv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/difference"
)

// part is what a child process plays.
type part struct {
	Dir, Path, Documents string
	Delete               bool
	Request              createenv.Request
}

// sent is a part as a child reads it: with the values that do not print themselves.
type sent struct {
	part
	Request sentRequest
}

type sentRequest struct {
	createenv.Request
	Vars map[string]any
	Show sentReader
}

type sentReader struct {
	difference.Reader
	Vars map[string]any
}

// send is what a child is sent of a part.
func (p part) send() sent {
	r := p.Request
	return sent{part: p, Request: sentRequest{
		Request: r, Vars: r.Vars.Reveal(), Show: sentReader{Reader: r.Show, Vars: r.Show.Vars.Reveal()},
	}}
}

// received is the part that a child was sent.
func (s sent) received() part {
	p := s.part
	p.Request = s.Request.Request
	p.Request.Vars, p.Request.Show = s.Request.Vars, s.Request.Show.Reader
	p.Request.Show.Vars = s.Request.Show.Vars
	return p
}

// unread is the exit code of a child that does not know what to do.
const unread = 3

// play is a child process: one Create or Delete.
func play(file string) int {
	body, err := os.ReadFile(file)
	if err != nil {
		return unread
	}
	var s sent
	if err := json.Unmarshal(body, &s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return unread
	}
	p := s.received()
	e, err := createenv.New(createenv.Options{Dir: p.Dir, Path: p.Path, Documents: remote(p.Documents), Poll: time.Millisecond})
	if err == nil && p.Delete {
		err = e.Delete(context.Background(), p.Request)
	} else if err == nil {
		_, err = e.Create(context.Background(), p.Request)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// remote are the documents of the tests' process.
type remote string

func (r remote) send(ctx context.Context, method, name string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, string(r)+"/"+name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	out, err := io.ReadAll(response.Body)
	if response.StatusCode == http.StatusNotFound {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, errors.New(response.Status)
	}
	return out, err
}

func (r remote) Get(ctx context.Context, name string) ([]byte, error) {
	return r.send(ctx, http.MethodGet, name, nil)
}

func (r remote) Put(ctx context.Context, name string, body []byte) error {
	_, err := r.send(ctx, http.MethodPut, name, body)
	return err
}

func (r remote) Delete(ctx context.Context, name string) error {
	_, err := r.send(ctx, http.MethodDelete, name, nil)
	return err
}

// serve serves the documents to child processes.
func (d *documents) serve(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[1:]
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch r.Method {
		case http.MethodGet:
			if body, _ = d.Get(r.Context(), name); body == nil {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write(body)
			return
		case http.MethodPut:
			err = d.Put(context.WithoutCancel(r.Context()), name, body)
		case http.MethodDelete:
			err = d.Delete(context.WithoutCancel(r.Context()), name)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// childBinary is the tests' own program without the race detector: children run what
// other tests run in this process, and most of the time of a child with it would go there.
var childBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "child")
	build := exec.Command("go", "test", "-c", "-ldflags=-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program of the children: %w\n%s", err, out)
	}
	return path, nil
})

// start runs a child process and returns what ends it and what waits for it.
func (w *world) start(p part) (kill func(), wait func() (out string, err error)) {
	w.t.Helper()
	body, err := json.Marshal(p.send())
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "part.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	binary, err := childBinary()
	if err != nil {
		w.t.Fatal(err)
	}
	command := exec.Command(binary, "-child="+file)
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		done <- command.Wait()
		close(ended)
	}()
	kill = func() {
		_ = command.Process.Kill()
		<-ended
	}
	return kill, func() (string, error) {
		err := <-done
		if command.ProcessState.ExitCode() == unread {
			w.t.Errorf("the child does not know what to do: %s", out.String())
		}
		return out.String(), err
	}
}
