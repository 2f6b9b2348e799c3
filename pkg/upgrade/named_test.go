package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// A component set is from servers, and they may not send the director everywhere. It is
// refused before anything is changed.
func TestOut_refusesASetThatSendsTheDirectorWhereItsListMayNot(t *testing.T) {
	for where, network := range map[string]string{"https://10.0.0.6/c.tgz": "", "http://127.0.0.1/c.tgz": "private", "http://169.254.169.254/": "loopback"} {
		t.Run(where, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.listed(t, where, network)
				for _, dry := range []bool{true, false} {
					_, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun = dry })
					wantError(t, err, "prepare to bring stemcell and releases: have the director fetch concourse/8.2.1: refuse to fetch from ", "nothing was changed")
				}
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed %q", done)
				}
			})
		})
	}
}

// A mirror inside may name files inside, and an operator may name any in the manifest.
func TestOut_sendsTheDirectorWhereItMayGo(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.listed(t, "https://10.0.0.6/c.tgz", "private")
		f.more(t, "- {name: uaa, version: 79.0.0, url: \"http://127.0.0.1/u.tgz\", sha1: a1}\n")
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if f.count("upload concourse/8.2.1 from https://10.0.0.6/c.tgz") != 1 || f.count("upload uaa/79.0.0 from http://127.0.0.1/u.tgz") != 1 {
			t.Errorf("effects %q", f.all())
		}
	})
}

// A file that this program has fetched by itself is not fetched by the director.
func TestOut_uploadsAFileWhereverItWas(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.listed(t, "https://10.0.0.6/c.tgz", "")
		set := f.text(t, f.dir, "components/components.json")
		f.write(t, "components/components.json", strings.Replace(set, `"sha1":"c0"`, `"sha1":"c0","file":"concourse/release.tgz"`, 1))
		f.write(t, "components/concourse/release.tgz", "a release")
		if _, err := f.out(t.Context(), nil); err != nil || f.count("upload concourse/8.2.1") != 1 {
			t.Errorf("error %v, effects %q", err, f.all())
		}
	})
}

// listed gives Concourse's release in the set another URL, which a server in a network has named.
func (f *fixture) listed(t *testing.T, url, network string) {
	t.Helper()
	set := f.text(t, f.dir, "components/components.json")
	f.write(t, "components/components.json", strings.Replace(set, `"https://bosh.io/d/concourse?v=8.2.1"`, `"`+url+`","network":"`+network+`"`, 1))
}
