package concourse_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

func TestReleases_areThoseOfTheTags(t *testing.T) {
	text, err := os.ReadFile("../../../../shared/data/concourse-versions.json")
	if os.IsNotExist(err) {
		t.Skip("the list that was read from the tags is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	var known struct {
		Versions []struct {
			Version   string `json:"version"`
			Migration int64  `json:"max_migration"`
			Worker    string `json:"worker_version"`
		} `json:"versions"`
	}
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	for i, v := range known.Versions {
		last := i+1 == len(known.Versions) || known.Versions[i+1].Migration != v.Migration || known.Versions[i+1].Worker != v.Worker
		got := concourse.ReleaseOf(v.Version)
		if !strings.HasPrefix(v.Version, "master") && (got.Worker != v.Worker || last && strings.HasPrefix(v.Version, "8.") && got.Migration != v.Migration) {
			t.Errorf("%s is %+v, want worker %s and migration %d", v.Version, got, v.Worker, v.Migration)
		}
	}
}
