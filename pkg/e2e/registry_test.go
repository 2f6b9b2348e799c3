package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	other "github.com/google/go-containerregistry/pkg/registry"

	"github.com/perpetual-ci/perpetual/pkg/registry"
	simulated "github.com/perpetual-ci/perpetual/pkg/sandbox/registry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// A registry that others have written answers the client as the simulated one does.
func TestRegistry_answersAsTheSimulatedOne(t *testing.T) {
	t.Parallel()
	const index = "application/vnd.oci.image.index.v1+json"
	text := `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[]}`
	for name, handler := range map[string]http.Handler{
		"go-containerregistry": other.New(other.Logger(log.New(io.Discard, "", 0))), "simulated": simulated.New(simulated.Options{PageSize: 2}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca, err := tlsca.New()
			if err != nil {
				t.Fatal(err)
			}
			web := httptest.NewUnstartedServer(handler)
			if web.TLS, err = ca.Config(tlsca.Options{}); err != nil {
				t.Fatal(err)
			}
			web.StartTLS()
			defer web.Close()
			tags := []string{"1.0.0", "1.1.0", "v2.0.0"}
			for _, tag := range tags {
				if s, ok := handler.(*simulated.Server); ok {
					s.Push("acme/tool", tag, "the same")
					continue
				}
				put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, web.URL+"/v2/acme/tool/manifests/"+tag, strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				put.Header.Set("Content-Type", index)
				res, err := web.Client().Transport.RoundTrip(put)
				if err == nil {
					_ = res.Body.Close()
				}
				if err != nil || res.StatusCode != http.StatusCreated {
					t.Fatalf("push %s: %v, %v", tag, res, err)
				}
			}
			answersTheClient(t, strings.TrimPrefix(web.URL, "https://"), ca.PEM(), tags)
		})
	}
}

// answersTheClient plays what check and in ask of a registry that has acme/tool.
func answersTheClient(t *testing.T, host, ca string, tags []string) {
	t.Helper()
	client, err := registry.New(registry.Config{Hosts: map[string]registry.Host{host: {CACert: ca}}})
	if err != nil {
		t.Fatal(err)
	}
	image := registry.Image{Host: host, Path: "acme/tool"}
	got, err := client.Tags(t.Context(), image)
	if slices.Sort(got); err != nil || !slices.Equal(got, tags) {
		t.Errorf("tags %q, error %v", got, err)
	}
	digest, err := client.Digest(t.Context(), image, tags[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Confirm(t.Context(), image, digest); err != nil {
		t.Error(err)
	}
	if _, err := client.Digest(t.Context(), image, "3.0.0"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("an unknown tag: %v", err)
	}
	if err := client.Confirm(t.Context(), image, "sha256:"+strings.Repeat("0a", 32)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("an unknown digest: %v", err)
	}
	image.Path = "acme/none"
	if _, err := client.Tags(t.Context(), image); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("an unknown repository: %v", err)
	}
}
