package connect_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// connector is one of a process with nothing in its environment.
func connector(debug *bytes.Buffer) connect.Connector {
	return connect.Connector{
		Notify: func(string) {}, Env: func(string) string { return "" },
		Debug: slog.New(slog.NewTextHandler(debug, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// What cannot be opened is named by its key in the source.
func TestConnector_namesTheKeyThatIsWrong(t *testing.T) {
	t.Parallel()
	const noCertificate = "not a certificate"
	for key, open := range map[string]func(connect.Connector) error{
		"source.director": func(c connect.Connector) error {
			_, err := c.Director(resource.Director{URL: "https://127.0.0.1:1", Username: "a", Password: secret.New("b"), CACert: noCertificate})
			return err
		},
		"source.concourse": func(c connect.Connector) error {
			_, err := c.ATC(resource.Concourse{URL: "https://127.0.0.1:1", CACert: noCertificate})
			return err
		},
		"source.github": func(c connect.Connector) error {
			_, err := c.Upstreams(resource.Source{GitHub: resource.GitHub{CACert: noCertificate}})
			return err
		},
		"source.bosh_io": func(c connect.Connector) error {
			_, err := c.Upstreams(resource.Source{BoshIO: resource.BoshIO{CACert: noCertificate}})
			return err
		},
		"source.registries": func(c connect.Connector) error {
			_, err := c.Upstreams(resource.Source{Registries: map[string]resource.Registry{"registry.example.com": {CACert: noCertificate}}})
			return err
		},
		"source.state": func(c connect.Connector) error {
			_, err := c.State(resource.State{Bucket: "acme-ci-state", Region: "eu-central-1", CACert: noCertificate})
			return err
		},
	} {
		if err := open(connector(&bytes.Buffer{})); !errors.Is(err, retry.ErrCACert) || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// Of a store, debug tells names, sizes and failures, and no content.
func TestDir_tellsWhatIsReadAndWritten(t *testing.T) {
	t.Parallel()
	var debug bytes.Buffer
	store, err := connector(&debug).Dir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	revision, err := store.Put(t.Context(), "a.json", []byte("content"), "")
	if err != nil {
		t.Fatal(err)
	}
	if document, err := store.Get(t.Context(), "a.json"); err != nil || string(document.Body) != "content" {
		t.Errorf("%q, %v", document.Body, err)
	}
	if names, err := store.List(t.Context(), ""); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
	if err := store.Delete(t.Context(), "a.json", revision); err != nil {
		t.Error(err)
	}
	if _, err := store.Get(t.Context(), "a.json"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("afterwards: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(debug.String()), "\n")
	for i, want := range []string{"what=put name=a.json", "what=get name=a.json", "what=list", "what=delete name=a.json", "error="} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("line %d lacks %q:\n%s", i, want, debug.String())
		}
	}
	if strings.Contains(debug.String(), "content") {
		t.Errorf("it tells the content:\n%s", debug.String())
	}
}

// A source without a state section has no store, which is not an error.
func TestState_ofASourceWithoutOneIsNone(t *testing.T) {
	t.Parallel()
	if store, err := connector(&bytes.Buffer{}).State(resource.State{}); store != nil || err != nil {
		t.Errorf("%v, %v", store, err)
	}
}
