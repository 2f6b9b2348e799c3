package upgrade_test

import (
	"errors"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

func TestOut_repeatsAnUploadOnlyWhereItIsNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		lost    []string
		takes   time.Duration
		uploads int // that the director has taken, the stemcell's included
		says    string
	}{
		"lost on its way":                 {[]string{"dropped"}, 0, 2, "uploading it again"},
		"lost on its way twice":           {[]string{"dropped", "dropped"}, 0, 2, "uploading it again"},
		"taken at once":                   {[]string{"accepted"}, 0, 2, "concourse/8.2.1 is there now"},
		"taken, and under way":            {[]string{"accepted"}, time.Hour / 2, 2, "uploading concourse/8.2.1 from"},
		"taken, where tasks are not seen": {[]string{"hidden"}, time.Second, 3, "uploading it again"},
		"both":                            {[]string{"accepted", "accepted"}, time.Minute, 2, "uploading concourse/8.2.1 from"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.lostUploads = c.lost
				f.director.uploads["concourse"] = outcome{takes: c.takes}
				result, err := f.out(t.Context(), nil)
				if err != nil || f.count("deploy") != 1 || f.count("upload") != c.uploads {
					t.Errorf("%+v, %v, %d deploys, %d uploads, want %d", result, err, f.count("deploy"), f.count("upload"), c.uploads)
				}
				wantText(t, "log", f.log.String(), "the director's answer was lost", c.says)
			})
		})
	}
	t.Run("lost on its way, and what is there cannot be used", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.has("concourse/8.2.1")
			f.director.packages[bosh.Release{Name: "concourse", Version: "8.2.1"}] = []bosh.Package{{Name: "concourse", Compiled: []string{"ubuntu-bionic/1.5"}}}
			f.replaced(t, "  jobs:\n", "  stemcell: default\n  jobs:\n")
			f.director.lostUploads = []string{"dropped"}
			if _, err := f.out(t.Context(), nil); err != nil || f.count("upload concourse/8.2.1") != 1 {
				t.Errorf("%v, it did %v", err, f.all())
			}
		})
	})
	t.Run("lost for ever", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.director.lostUploads = []string{"dropped", "dropped", "dropped", "dropped", "dropped"}
			_, err := f.out(t.Context(), nil)
			wantError(t, err, "upload concourse/8.2.1", "the director's answer was lost: 502", "shows nothing of it, 3 times", "put again")
			if !errors.Is(err, bosh.ErrUncertain) || f.count("upload") != 0 || f.count("deploy") != 0 {
				t.Errorf("%v, it did %v", err, f.all())
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.director.faults["Upload"] = []error{errUnreachable}
			_, err := f.out(t.Context(), nil)
			wantError(t, err, "upload concourse/8.2.1", "connection refused")
			if f.count("upload") != 0 {
				t.Errorf("it did %v", f.all())
			}
		})
	})
}
