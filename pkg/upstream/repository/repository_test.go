package repository_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
	"github.com/perpetual-ci/perpetual/pkg/upstream/repository"
)

// one is a GitHub with one release and a tag without any.
type one struct {
	repository.GitHub // nothing else is asked
	release           github.Release
}

func (o one) Tags(context.Context, string) ([]string, error) {
	return []string{"v0.9.0", o.release.Tag}, nil
}

func (o one) ReleaseByTag(_ context.Context, _, tag string) (github.Release, error) {
	if tag != o.release.Tag {
		return github.Release{}, github.ErrNotFound
	}
	return o.release, nil
}

func (one) Header(string) http.Header { return http.Header{"Accept": {"application/octet-stream"}} }

// finder looks for the component c in a repository with a release 1.0.0 of two files.
func finder(t *testing.T, w resource.Watch) repository.Finder {
	t.Helper()
	w.GitHub = "acme/program"
	chooser, err := candidate.NewChooser("c", w, time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	return repository.Finder{Chooser: chooser, GitHub: one{release: github.Release{
		Tag: "v1.0.0", URL: "https://github.com/acme/program/releases/tag/v1.0.0",
		Assets: []github.Asset{
			{Name: "linux", URL: "https://api/1", BrowserURL: "https://github.com/linux", SHA256: github.Digest(strings.Repeat("a", 64)), Size: 7},
			{Name: "notes", URL: "https://api/2", BrowserURL: "https://github.com/notes"},
		},
	}}}
}

func TestExactly_givesTheComponentAndItsFiles(t *testing.T) {
	f := finder(t, resource.Watch{Assets: []string{"l*"}})
	r, err := f.Exactly(t.Context(), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.Downloads("/get")
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("a", 64)
	wantFiles := []artifact.File{{
		Name: "c linux", URL: "https://api/1", Header: http.Header{"Accept": {"application/octet-stream"}},
		Path: "/get/c/assets/linux", SHA256: sum, Size: 7,
	}}
	if diff := cmp.Diff(wantFiles, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	page := "https://github.com/acme/program/releases/tag/v1.0.0"
	want := component.Component{
		Name: "c", Kind: component.KindGitHub, Upstream: "acme/program", Version: "1.0.0", Tag: "v1.0.0", NotesURL: page,
		URL: "https://github.com/linux", SHA256: sum, Size: 7,
		Assets: []component.Asset{{Name: "linux", URL: "https://github.com/linux", SHA256: sum, Size: 7, File: "c/assets/linux"}},
	}
	if diff := cmp.Diff(want, r.Described()); diff != "" {
		t.Errorf("component (-want +got):\n%s", diff)
	}
}

func TestExactly_takesTheDigestsOfTheSource(t *testing.T) {
	b := strings.Repeat("b", 64)
	r, err := finder(t, resource.Watch{Digests: map[string]string{"1.0.0/notes": "sha256:" + b}}).Exactly(t.Context(), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Described().Assets[1].SHA256; got != b {
		t.Errorf("the digest of notes is %q", got)
	}
	_, err = finder(t, resource.Watch{Digests: map[string]string{"linux": b}}).Exactly(t.Context(), "1.0.0")
	if err == nil || !strings.Contains(err.Error(), "the digest of linux in source.watch.c.digests is "+b) {
		t.Errorf("another digest than GitHub's: %v", err)
	}
	r, err = finder(t, resource.Watch{}).Exactly(t.Context(), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Downloads("/get"); err == nil || !strings.Contains(err.Error(), "GitHub has no digest of notes") {
		t.Errorf("a file without any: %v", err)
	}
}

func TestExactly_saysThatAVersionIsGone(t *testing.T) {
	for _, version := range []string{"0.9.0", "2.0.0"} { // a tag without a release, and none
		if r, err := finder(t, resource.Watch{}).Exactly(t.Context(), version); r != nil || !errors.Is(err, candidate.ErrMissing) {
			t.Errorf("%s: %+v, %v", version, r, err)
		}
	}
}
