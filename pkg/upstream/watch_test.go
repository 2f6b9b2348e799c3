package upstream_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// watch is a request of check for the one component w.
func watch(w string) string { return `{"source":{"watch":{"c":` + w + `}}}` }

// validated is what is wrong with the watches of a request of check.
func validated(t *testing.T, stdin string) error {
	t.Helper()
	req, err := resource.DecodeCheck(strings.NewReader(stdin))
	if err != nil {
		t.Fatal(err)
	}
	return upstream.Validate(req.Source)
}

func TestValidate_refusesAWatchThatCannotWork(t *testing.T) {
	for _, c := range []struct{ name, stdin, want string }{
		{"no component kind", watch(`{"version":"1.x"}`), "validate source.watch.c: unknown component kind; want one of release, stemcell, github, image"},
		{"two component kinds", watch(`{"release":"a/b/c","github":"a/b"}`), "want only one of"},
		{"invalid constraint", watch(`{"release":"a/b/c","version":"eight"}`), `version: want a constraint like 8.x or >=1.0.0, got "eight"`},
		{"invalid filter", watch(`{"github":"a/b","tag_filter":"("}`), "tag_filter: error parsing regexp"},
		{"invalid glob", watch(`{"github":"a/b","assets":["["]}`), "is not a valid glob"},
		{"repository without owner", watch(`{"github":"b"}`), "want owner/repository"},
		{"two names of one variable", `{"source":{"watch":{"a-b":{"release":"a/b/c"},"a_b":{"release":"a/b/c"}}}}`, "a-b and a_b would both give the variables a_b_version"},
		{"light and regular", watch(`{"stemcell":"s","light":true,"regular":true}`), "not both"},
		{"a component that escapes", `{"source":{"watch":{"../c":{"release":"a/b/c"}}}}`, "want a name of lower-case letters"},
		{"digest that is none", watch(`{"github":"a/b","digests":{"p-linux":"12ab"}}`), `validate source.watch.c: digests: want a SHA-256 of 64 hexadecimal digits for "p-linux", got "12ab"`},
		{"a key that is none", watch(`{"github":"a/b","keys":["ssh-ed25519 AAAA"]}`), "validate source.watch.c: keys: want an Ed25519 public key"},
		{"keys of a release of bosh.io", watch(`{"release":"a/b/c","keys":["x"]}`), "validate source.watch.c: keys: only github components have it"},
		{"digest of a path", watch(`{"github":"a/b","digests":{"a/b/c":"` + strings.Repeat("0a", 32) + `"}}`), "digests: want the name of an asset, or VERSION/NAME, got \"a/b/c\""},
		{"an unverified release of bosh.io", watch(`{"release":"a/b/c","unverified":true}`), "unverified: only github components have it"},
		{"digest of a file of bosh.io", watch(`{"release":"a/b/c","digests":{"f.tgz":"` + strings.Repeat("0a", 32) + `"}}`), `digests: want a version such as 8.2.5, got "f.tgz"`},
		{"a mirror over http", `{"source":{"watch":{"c":{"release":"a/b/c"}},"bosh_io":{"url":"http://mirror.example.com"}}}`, "validate source.watch.c: source.bosh_io.url is http://, where anybody between can change lists and digests"},
		{"a mirror over http by address", `{"source":{"watch":{"c":{"stemcell":"s"}},"bosh_io":{"url":"http://10.0.0.9"}}}`, "give https://, or the digests"},
		{"GitHub over http", `{"source":{"watch":{"c":{"github":"a/b"}},"github":{"url":"http://ghe.example.com/api/v3"}}}`, "source.github.url is http://"},
		{"unsigned Perpetual over http", `{"source":{"watch":{"perpetual":{"github":"a/b","allow_unsigned":true}},"github":{"url":"http://ghe.example.com/api/v3"}}}`, "source.github.url is http://"},
		{"deny that is not a version", watch(`{"release":"a/b/c","deny":["8.2.1","latest"]}`), `validate source.watch.c: deny: want versions like 8.2.1, got "latest"`},
		{"light of a release", watch(`{"release":"a/b/c","light":true}`), "validate source.watch.c: light: only stemcell components have it"},
		{"an image with a tag", watch(`{"image":"ghcr.io/acme/tool:1.0.0"}`), "image: want registry/repository in lower case, without a tag or digest"},
		{"age of an image", watch(`{"image":"acme/tool","min_age":"72h"}`), "min_age: only release, stemcell and github components have it"},
		{"filter of a release", watch(`{"release":"a/b/c","tag_filter":"x"}`), "tag_filter: only github and image components have it"},
		{"digest of a tag", watch(`{"image":"acme/tool","digests":{"latest":"` + strings.Repeat("0a", 32) + `"}}`), `digests: want a version such as 8.2.5, got "latest"`},
		{"a release that is none", watch(`{"release":"a/b"}`), "release: want a name like github.com/cloudfoundry/bpm-release"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := validated(t, c.stdin)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v, want one line with %q", err, c.want)
			}
		})
	}
}

// What never leaves the machine, and what the source has digests of, may go over http.
func TestValidate_takesHTTPWhereNothingHangsOnIt(t *testing.T) {
	for name, stdin := range map[string]string{
		"no token":         `{"source":{"watch":{"c":{"github":"a/b","digests":{"p":"` + strings.Repeat("0a", 32) + `"}}},"github":{"url":"http://ghe.example.com/api/v3"}}}`,
		"signed Perpetual": `{"source":{"watch":{"perpetual":{"github":"a/b"}},"github":{"url":"http://ghe.example.com/api/v3"}}}`,
		"a mirror":         `{"source":{"watch":{"c":{"release":"a/b/c","digests":{"8.2.5":"` + strings.Repeat("0a", 32) + `"}}},"bosh_io":{"url":"http://mirror.example.com"}}}`,
		"a mirror here":    `{"source":{"watch":{"c":{"release":"a/b/c"}},"bosh_io":{"url":"http://127.0.0.1:8080"}}}`,
	} {
		if err := validated(t, stdin); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
