package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

func TestParseImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for text, want := range map[string]config.Image{
		"ghcr.io/perpetual-ci/perpetual":          {Repository: "ghcr.io/perpetual-ci/perpetual"},
		"registry:5000/perpetual":                 {Repository: "registry:5000/perpetual"},
		"registry:5000/perpetual:1.3.0@" + digest: {Repository: "registry:5000/perpetual", Version: "1.3.0", Digest: digest},
		"perpetual:1.4.0-rc.1@" + digest:          {Repository: "perpetual", Version: "1.4.0-rc.1", Digest: digest},
	} {
		got, err := config.ParseImage(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"perpetual@" + digest:               "a digest without a version",
		"registry:5000/perpetual@" + digest: "a digest without a version",
		"perpetual:1.3.0":                   "a tag, which can be moved",
		"perpetual:latest@" + digest:        "its tag is not a version",
		"perpetual:1.3.0@sha256:0a":         "64 hexadecimal digits",
		"perpetual:1.3.0@" + digest + "@x":  "64 hexadecimal digits",
		"https://registry/perpetual":        "is not an image",
		":1.3.0@" + digest:                  "is not an image",
		"a perpetual":                       "is not an image",
	} {
		if _, err := config.ParseImage(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want %q in it", text, err, want)
		}
	}
}
