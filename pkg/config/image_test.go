package config_test

import (
	"strings"
	"testing"
	"time"

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

func TestValidate_ofWhatDecidesWhichPerpetualRuns(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ text, want string }{
		"a digest without a version": {"pipeline: {image: perpetual@" + digest + "}", "pipeline.image: perpetual@" + digest + " has a digest without a version"},
		"a pinned image of another":  {"pipeline: {image: 'perpetual:1.3.0@" + digest + "'}\nversions: {perpetual: 2.x}", `pipeline.image: is of version 1.3.0, and versions.perpetual is "2.x"`},
		"a key that is none":         {"versions: {perpetual_keys: [ssh-ed25519]}", "versions.perpetual_keys: want an Ed25519 public key"},
		"unsigned releases":          {"versions: {perpetual_unsigned: true}", "versions.perpetual_unsigned: takes whatever"},
		"a mirror over http":         {"bosh_io: {url: 'http://mirror.example.com'}", "bosh_io.url: http://mirror.example.com is http://, where anybody between"},
		"GitHub over http":           {"github: {url: 'http://10.0.0.9/api/v3'}", "github.url: http://10.0.0.9/api/v3 is http://"},
		"a mirror here":              {"bosh_io: {url: 'http://127.0.0.1:8080'}", ""},
		"a pinned image":             {"pipeline: {image: 'perpetual:1.3.0@" + digest + "'}\nversions: {perpetual: 1.x}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			given, err := config.Parse("perpetual.yml", []byte("name: ci\naws: {region: eu-central-1}\n"+c.text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range config.Validate(config.Defaults(given), time.Now()) {
				got = append(got, p.Key+": "+p.Text)
			}
			if text := strings.Join(got, "; "); !strings.Contains(text, c.want) || c.want == "" && text != "" {
				t.Errorf("problems = %q, want %q", text, c.want)
			}
		})
	}
}
