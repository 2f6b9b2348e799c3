package upgrade_test

import (
	"fmt"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// database adds a PostgreSQL to a manifest.
func database(t *testing.T, text, release string, major int) string {
	t.Helper()
	text = replaceOnce(t, text, "releases:\n", "releases:\n- {name: postgres, version: \""+release+"\"}\n")
	return replaceOnce(t, text, "instance_groups:\n", fmt.Sprintf(
		"instance_groups:\n- {name: db, instances: 1, jobs: [{name: postgres, release: postgres, properties: {databases: {version: %d}}}]}\n", major))
}

func TestOut_looksAtWhatAnotherPostgreSQLNeeds(t *testing.T) {
	for _, c := range []struct {
		name       string
		release    string // wanted
		from, to   int
		used       int
		want       []string // nil: it is deployed
		inTheWords string   // of the log
	}{
		{"the same", "54.0.6", 16, 16, 90, nil, ""},
		{"another major", "54.0.5", 16, 17, 30, nil, "PostgreSQL 16 → 17 is a major upgrade"},
		{"a full disk", "54.0.5", 16, 17, 60, []string{"60% full"}, ""},
		{"a silent agent", "54.0.5", 16, 17, 0, []string{"does not say how full"}, ""},
		{"a lower major", "54.0.5", 17, 16, 30, []string{"cannot become 16"}, ""},
		{"a lower release", "53.0.1", 16, 16, 30, []string{"postgres 53.0.1 over 54.0.5", "params.allow_downgrade"}, ""},
		{"a lower release of four numbers", "54.0.4.9", 16, 16, 30, []string{"postgres 54.0.4.9 over 54.0.5", "params.allow_downgrade"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.set(t, "8.2.0", "1.1340")
				f.director.diskUsage = c.used
				f.director.releases = append(f.director.releases, bosh.Release{Name: "postgres", Version: c.release})
				f.director.record("concourse", []byte(database(t, string(f.manifest(t, nil)), "54.0.5", c.from)))
				f.write(t, "manifest.yml", database(t, string(manifestTemplate(t)), c.release, c.to))
				_, err := f.out(t.Context(), nil)
				if c.want == nil {
					if err != nil {
						t.Error(err)
					}
					wantText(t, "log", f.log.String(), c.inTheWords)
					return
				}
				wantError(t, err, append(c.want, "nothing was changed")...)
				if f.count("deploy") != 0 || f.count("set pipeline") != 0 {
					t.Errorf("it changed %q", f.all())
				}
			})
		})
	}
}
