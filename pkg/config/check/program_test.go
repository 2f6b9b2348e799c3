package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
)

func TestConfig_ofWhatDecidesWhichPerpetualRuns(t *testing.T) {
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
			for _, p := range check.Config(config.Defaults(given), time.Now()) {
				got = append(got, p.Key+": "+p.Text)
			}
			if text := strings.Join(got, "; "); !strings.Contains(text, c.want) || c.want == "" && text != "" {
				t.Errorf("problems = %q, want %q", text, c.want)
			}
		})
	}
}
