package manifest_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// bySHA1 are the artifacts of the director for which nobody publishes a SHA-256:
// bosh-deployment pins compiled releases by SHA-1.
var bySHA1 = []string{"https://s3.amazonaws.com/bosh-compiled-release-tarballs/"}

// TestDirector_pinsWhatItFetches wants a SHA-256 of everything that create-env fetches,
// but of what has none.
func TestDirector_pinsWhatItFetches(t *testing.T) {
	type artifact struct {
		URL  string `yaml:"url"`
		SHA1 string `yaml:"sha1"`
	}
	var parts struct {
		Releases      []artifact `yaml:"releases"`
		ResourcePools []struct {
			Stemcell artifact `yaml:"stemcell"`
		} `yaml:"resource_pools"`
	}
	tmpl, err := manifest.Director(inputs(t)["default"])
	if err != nil {
		t.Fatal(err)
	}
	text, err := template.Render(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	if err := template.Decode(text, &parts); err != nil {
		t.Fatal(err)
	}
	all := parts.Releases
	for _, p := range parts.ResourcePools {
		all = append(all, p.Stemcell)
	}
	if len(all) != 4 {
		t.Fatalf("%d artifacts, want 4", len(all))
	}
	for _, a := range all {
		form := `^sha256:[0-9a-f]{64}$`
		for _, prefix := range bySHA1 {
			if strings.HasPrefix(a.URL, prefix) {
				form = `^[0-9a-f]{40}$`
			}
		}
		if !strings.HasPrefix(a.URL, "https://") || !regexp.MustCompile(form).MatchString(a.SHA1) {
			t.Errorf("%s is pinned by %q, want %s", a.URL, a.SHA1, form)
		}
	}
}
