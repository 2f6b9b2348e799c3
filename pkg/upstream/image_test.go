package upstream_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// tool is an image.
const tool = "ghcr.io/acme/tool"

// shelf is a registry in memory that has one image: its digests by tag.
type shelf struct {
	journal
	tags map[string]string
	kept []string // digests that no tag names
}

func (s *shelf) Tags(ctx context.Context, image registry.Image) ([]string, error) {
	if err := s.note(ctx, "tags %s", image); err != nil {
		return nil, err
	}
	if image.String() != tool {
		return nil, fmt.Errorf("list tags: %w", registry.ErrNotFound)
	}
	var tags []string
	for tag := range s.tags {
		tags = append(tags, tag)
	}
	return tags, nil
}

func (s *shelf) Digest(ctx context.Context, image registry.Image, tag string) (string, error) {
	if err := s.note(ctx, "digest %s %s", image, tag); err != nil {
		return "", err
	}
	if digest, known := s.tags[tag]; known && digest != "" {
		return digest, nil
	}
	return "", fmt.Errorf("find the digest: %w", registry.ErrNotFound)
}

func (s *shelf) Confirm(ctx context.Context, image registry.Image, digest string) error {
	if err := s.note(ctx, "confirm %s %s", image, digest); err != nil {
		return err
	}
	for _, known := range s.tags {
		if known == digest {
			return nil
		}
	}
	if slices.Contains(s.kept, digest) {
		return nil
	}
	return fmt.Errorf("find the manifest: %w", registry.ErrNotFound)
}

// sum is a digest that a letter of a to f stands for.
func sum(letter string) string { return "sha256:" + strings.Repeat("0"+letter, 32) }

// checkImage checks the one image and gives the versions in one text.
func checkImage(t *testing.T, s *shelf, w resource.Watch, at string) (versions, log string, err error) {
	t.Helper()
	w.Image = tool
	var out bytes.Buffer
	set := newSet(nil, nil, &out)
	set.Upstreams.Registry = s
	list, err := set.Check(t.Context(), watching(w), given(at))
	var texts []string
	for _, v := range list {
		texts = append(texts, v["c"])
	}
	return strings.Join(texts, " "), out.String(), err
}

func TestCheck_ofAnImageGivesTheTagWithItsDigest(t *testing.T) {
	a, b, f := "@"+sum("a"), "@"+sum("b"), "@"+sum("f")
	tags := map[string]string{"1.0.0": sum("a"), "v1.1.0": sum("b"), "1.1": sum("b"), "2.0.0-rc.1": sum("c"), "latest": sum("c"), "release-3.0": sum("f")}
	for _, c := range []struct {
		name  string
		tags  map[string]string
		watch resource.Watch
		at    string
		want  string
		log   string // a part of what the build log says
	}{
		{"first check", tags, resource.Watch{}, "", "1.1.0" + b, "passed over 2 tags that are not versions, such as release-3.0 (tag_filter says where in a tag the version is: ^release-v?(.*)$); 1 pre-release, 2.0.0-rc.1"},
		{"nothing newer", tags, resource.Watch{}, "1.1.0" + b, "1.1.0" + b, ""},
		{"something newer", tags, resource.Watch{}, "1.0.0" + a, "1.0.0" + a + " 1.1.0" + b, ""},
		{"a constraint", tags, resource.Watch{Version: "<1.1"}, "", "1.0.0" + a, ""},
		{"a filter", tags, resource.Watch{TagFilter: "^release-(.*)$"}, "", "3.0" + f, ""},
		{"the tag was moved", tags, resource.Watch{}, "1.1.0" + a, "1.1.0" + a + " 1.1.0" + b, "c: the tag of 1.1.0 names another image now: 1.1.0" + b + " follows 1.1.0" + a + "\n"},
		{"the tag was moved, and written in another way since", map[string]string{"1.1": sum("a"), "1.1.0": sum("b")}, resource.Watch{}, "1.1" + a, "1.1" + a + " 1.1.0" + b, "c: the tag of 1.1 names another image now"},
		{"a version by hand, without a digest", tags, resource.Watch{}, "1.1.0", "1.1.0 1.1.0" + b, ""},
		{"the given was withdrawn", tags, resource.Watch{}, "1.2.0" + f, "1.2.0" + f, "c: 1.2.0 was withdrawn upstream, or never was; staying with it, as 1.1.0 is older"},
		{"the given was withdrawn, going back allowed", tags, resource.Watch{AllowDowngrade: true}, "1.2.0" + f, "1.2.0" + f + " 1.1.0" + b, "going back from 1.2.0 to 1.1.0"},
		{"denied", tags, resource.Watch{Deny: []string{"1.1.0"}}, "", "1.0.0" + a, ""},
		{"a tag that goes while it is looked at", map[string]string{"1.0.0": sum("a"), "1.1.0": ""}, resource.Watch{}, "", "1.0.0" + a, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, log, err := checkImage(t, &shelf{tags: c.tags}, c.watch, c.at)
			if err != nil || got != c.want || !strings.Contains(log, c.log) || strings.Contains(log, "another image now") && c.log == "" {
				t.Errorf("versions %q, error %v, log %q; want %q, %q", got, err, log, c.want, c.log)
			}
		})
	}
}

func TestCheck_ofAnImageSaysWhyThereIsNone(t *testing.T) {
	_, _, err := checkImage(t, &shelf{tags: map[string]string{"latest": sum("a")}}, resource.Watch{Version: "8.x"}, "")
	if want := "component c: find versions in ghcr.io/acme/tool: there is none that satisfies version 8.x; passed over: 1 tag that is not a version, latest"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error = %v, want %q", err, want)
	}
}

func TestIn_ofAnImageWritesWhatPinsIt(t *testing.T) {
	s := newSet(nil, nil, &bytes.Buffer{})
	s.Upstreams.Registry = &shelf{tags: map[string]string{"v1.1.0": sum("b")}, kept: []string{sum("a")}}
	for _, c := range []struct{ version, digest string }{
		{"1.1.0@" + sum("a"), sum("a")}, // what check has seen counts, wherever the tag has moved
		{"1.1.0@" + sum("b"), sum("b")},
		{"1.1.0", sum("b")},
	} {
		dir, result, err := in(t, s, watching(resource.Watch{Image: tool}), given(c.version), "all") // which has no file of it
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"version": "1.1.0", "tag": "v1.1.0", "digest": c.digest, "repository": tool, "image": tool + "@" + c.digest,
			"url": "https://ghcr.io/v2/acme/tool/manifests/" + c.digest,
		} {
			if text, err := os.ReadFile(filepath.Join(dir, "c", name)); err != nil || string(text) != want {
				t.Errorf("%s: %q, %v, want %q", name, text, err, want)
			}
		}
		set, err := component.ReadSet(dir)
		if err != nil || set[0].Kind != component.KindImage || set[0].Digest != c.digest || set[0].Version != "1.1.0" {
			t.Fatalf("set %+v, error %v", set, err)
		}
		vars := set[0].Vars()
		if vars["c_version"] != "1.1.0" || vars["c_repository"] != tool || vars["c_digest"] != c.digest || vars["c_image"] != tool+"@"+c.digest {
			t.Errorf("vars %v", vars)
		}
		if !slices.Contains(result.Metadata, resource.Field{Name: "c digest", Value: c.digest}) || result.Version["c"] != c.version {
			t.Errorf("result %+v", result)
		}
	}
}

func TestIn_ofAnImageRefusesAnotherOne(t *testing.T) {
	pin := map[string]string{"1.1.0": sum("a")}
	for _, c := range []struct {
		name, version string
		watch         resource.Watch
		download      any
		want          string
	}{
		{"another digest than the source's", "1.1.0@" + sum("b"), resource.Watch{Digests: pin}, nil, "the digest of 1.1.0 in source.watch.c.digests is " + strings.Repeat("0a", 32)},
		{"a tag that was withdrawn", "1.2.0@" + sum("b"), resource.Watch{}, nil, "not found upstream any more"},
		{"a digest that is gone", "1.1.0@" + sum("f"), resource.Watch{}, nil, "not found upstream any more"},
		{"its files", "1.1.0@" + sum("b"), resource.Watch{}, []any{"c"}, "download c: an image has no files to download"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSet(nil, nil, &bytes.Buffer{})
			s.Upstreams.Registry = &shelf{tags: map[string]string{"1.1.0": sum("b")}}
			c.watch.Image = tool
			dir, _, err := in(t, s, watching(c.watch), given(c.version), c.download)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}
