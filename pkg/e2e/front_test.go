package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"
)

func TestFront_holdsTheReplyOfADeployThatWasAccepted(t *testing.T) {
	t.Parallel()
	accepted, sent, release := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	f := &front{look: func(context.Context) config { return config{version: "7"} }}
	f.hold(func(context.Context) { <-release })
	server := httptest.NewServer(f.wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		accepted <- struct{}{}
	})))
	defer server.Close()
	go func() {
		defer close(sent)
		answer, err := http.Post(server.URL+"/deployments", "text/yaml", nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusTeapot {
			t.Errorf("got %s, want the director's own answer", answer.Status)
		}
	}()
	<-accepted
	select {
	case <-sent:
		t.Error("the reply was sent before it was let go")
	default:
	}
	close(release)
	<-sent
	if seen := f.seenAt(0); seen.version != "7" || f.seenAt(1).version != "" {
		t.Errorf("saw the pipeline as %q and %q, want it once", seen.version, f.seenAt(1).version)
	}
}

func TestTag_isThatOfThePerpetualType(t *testing.T) {
	t.Parallel()
	with := atc.Config{ResourceTypes: atc.ResourceTypes{
		{Name: "other", Source: atc.Source{"tag": "9"}}, {Name: "perpetual", Source: atc.Source{"tag": "1.3.0"}},
	}}
	if got := tag(with); got != "1.3.0" {
		t.Errorf("got %q", got)
	}
	if got := tag(atc.Config{}); got != "" {
		t.Errorf("got %q of a pipeline without the type", got)
	}
}

func TestFront_changesWhatIsDeployed(t *testing.T) {
	t.Parallel()
	f := &front{
		look:   func(context.Context) config { return config{} },
		change: func(sent []byte) ([]byte, error) { return append(sent, " and more"...), nil },
	}
	var got []string
	server := httptest.NewServer(f.wrap(t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, string(body))
	})))
	defer server.Close()
	for _, path := range []string{"/deployments", "/deployments/concourse/diff"} {
		answer, err := http.Post(server.URL+path, "text/yaml", strings.NewReader("a manifest"))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	if want := []string{"a manifest and more", "a manifest"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
