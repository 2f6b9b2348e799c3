package postgres_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// deployed is a manifest with these releases and this databases.version, none for "".
func deployed(concourse, release, version string) []byte {
	text := "name: concourse\nreleases: [{name: concourse, version: " + concourse + "}, {name: postgres, version: '" + release + "'}]\n" +
		"instance_groups:\n- name: data\n  jobs:\n  - {name: bpm, release: bpm}\n  - name: postgres\n    release: postgres\n    properties: {databases: {port: 5432"
	if version != "" {
		text += ", version: " + version
	}
	return []byte(text + "}}\n")
}

// without is a manifest without a database VM.
var without = []byte("name: concourse\nreleases: [{name: concourse, version: 8.2.4}]\ninstance_groups: [{name: web, jobs: [{name: web, release: concourse}]}]\n")

func TestIn_findsTheDatabase(t *testing.T) {
	for name, of := range map[string]struct {
		text  []byte
		want  postgres.Database
		found bool
	}{
		"a number":             {deployed("8.2.4", "54.0.5", "17"), postgres.Database{Group: "data", Release: "54.0.5", Major: 17, Set: true}, true},
		"a text":               {deployed("8.2.4", "54.0.5", "'15'"), postgres.Database{Group: "data", Release: "54.0.5", Major: 15, Set: true}, true},
		"with a minor":         {deployed("8.2.4", "54.0.5", "16.3"), postgres.Database{Group: "data", Release: "54.0.5", Major: 16, Set: true}, true},
		"a variable":           {deployed("8.2.4", "54.0.5", "((major))"), postgres.Database{Group: "data", Release: "54.0.5", Set: true, Text: "((major))"}, true},
		"54 by itself":         {deployed("8.2.4", "54.0.5", ""), postgres.Database{Group: "data", Release: "54.0.5", Major: 16}, true},
		"56 by itself":         {deployed("8.2.4", "56.0.4", ""), postgres.Database{Group: "data", Release: "56.0.4", Major: 18}, true},
		"an unknown by itself": {deployed("8.2.4", "31", ""), postgres.Database{Group: "data", Release: "31"}, true},
		"none":                 {without, postgres.Database{}, false},
		"nothing":              {nil, postgres.Database{}, false},
		"another's":            {[]byte("instance_groups: [{name: db, jobs: [{name: postgres, release: bosh}]}]"), postgres.Database{}, false},
	} {
		got, found, err := postgres.In(template.File{Name: "m", Text: of.text})
		if err != nil || found != of.found || got != of.want {
			t.Errorf("%s: got %+v, %t, %v; want %+v", name, got, found, err, of.want)
		}
	}
	for _, text := range []string{"a: [", "instance_groups: [{name: db, jobs: [{name: postgres, release: postgres, properties: [1]}]}]"} {
		if _, _, err := postgres.In(template.File{Name: "m.yml", Text: []byte(text)}); err == nil || !strings.Contains(err.Error(), "m.yml") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzIn(f *testing.F) {
	f.Add(deployed("8.2.4", "54.0.5", "16"))
	f.Add([]byte("instance_groups: [{jobs: [{name: postgres, release: postgres, properties: {databases: {version: .inf}}}]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, found, err := postgres.In(template.File{Name: "m", Text: text})
		if (err != nil || !found) && d != (postgres.Database{}) || d.Major < 0 {
			t.Errorf("%+v, %t, %v", d, found, err)
		}
	})
}

func TestVars_keepWhatIsDeployed(t *testing.T) {
	bundled := template.Template{File: bundle.Concourse()}
	own := template.Template{File: template.File{Name: "own.yml", Text: []byte("name: x\n")}}
	byOps := own
	byOps.OpsFiles = []template.File{{Name: "ops.yml", Text: []byte("- {type: replace, path: '/major?', value: ((postgres_major))}")}}
	type vars = map[string]any
	for name, of := range map[string]struct {
		template template.Template
		deployed []byte
		given    []map[string]any
		want     vars
		unknown  bool
	}{
		"a new deployment":                   {bundled, nil, nil, vars{"postgres_major": 16}, false},
		"a new database":                     {bundled, without, nil, vars{"postgres_major": 16}, false},
		"as it is set":                       {bundled, deployed("8.2.4", "54.0.5", "15"), nil, vars{"postgres_major": 15}, false},
		"what 54 deploys":                    {bundled, deployed("8.2.4", "54.0.5", ""), nil, vars{"postgres_major": 16}, false},
		"what 56 deploys":                    {bundled, deployed("8.2.4", "56.0.4", ""), nil, vars{"postgres_major": 18}, false},
		"given, whatever is deployed":        {bundled, deployed("8.2.4", "56.0.4", ""), []map[string]any{{}, {"postgres_major": 18}}, nil, false},
		"nobody knows":                       {bundled, deployed("8.2.4", "31", ""), []map[string]any{{"azs": 1}}, nil, true},
		"nobody knows, and ops need it":      {byOps, deployed("8.2.4", "31", ""), nil, nil, true},
		"a config server knows":              {bundled, deployed("8.2.4", "54.0.5", "((major))"), nil, vars{"postgres_major": "((major))"}, false},
		"nobody knows, but somebody says it": {bundled, deployed("8.2.4", "31", ""), []map[string]any{{"postgres_major": 13}}, nil, false},
		"nobody knows, and nothing needs it": {own, deployed("8.2.4", "31", ""), nil, nil, false},
	} {
		got, err := postgres.Vars(of.template, of.deployed, of.given, "database.version")
		var unknown *postgres.UnknownError
		if errors.As(err, &unknown) != of.unknown || !of.unknown && err != nil || !reflect.DeepEqual(got, of.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if !of.unknown {
			continue
		}
		for _, part := range []string{"data", "SELECT version()", "bosh ssh data", "database.version", "nothing was changed"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error lacks %q: %v", name, part, err)
			}
		}
	}
}

func TestProblem_refusesWhatNobodyAskedFor(t *testing.T) {
	for name, of := range map[string]struct {
		deployed, wanted []byte
		major            bool
		want             []string // of the error; nil: none
	}{
		"a first deploy":                    {nil, deployed("8.2.4", "54.0.5", "16"), false, nil},
		"a first deploy that sets nothing":  {nil, deployed("8.2.5", "56.0.4", ""), false, nil},
		"the same":                          {deployed("8.2.4", "54.0.5", "16"), deployed("8.3.0", "54.0.5", "16"), false, nil},
		"a newer release":                   {deployed("8.2.4", "54.0.5", ""), deployed("8.3.0", "56.0.4", "16"), false, nil},
		"the database goes":                 {deployed("8.2.4", "54.0.5", "16"), without, false, nil},
		"nobody knows, the same release":    {deployed("8.2.4", "31", ""), deployed("8.2.5", "31", ""), false, nil},
		"nobody knows, and it is said":      {deployed("8.2.4", "31", ""), deployed("8.2.5", "54.0.5", "16"), false, nil},
		"raised":                            {deployed("8.2.4", "54.0.5", "16"), deployed("8.2.4", "54.0.5", "17"), true, nil},
		"raised with a newer release":       {deployed("8.2.5", "54.0.5", "16"), deployed("8.2.5", "56.0.4", "18"), true, nil},
		"raised by a release":               {deployed("8.2.5", "54.0.5", ""), deployed("8.2.5", "56.0.4", ""), true, []string{"from 16 to 18", "56.0.4", "set databases.version to 16"}},
		"raised as the version is left out": {deployed("8.2.5", "56.0.4", "16"), deployed("8.2.5", "56.0.4", ""), true, []string{"from 16 to 18", "set databases.version to 16"}},
		"to a release that nobody knows":    {deployed("8.2.5", "54.0.5", "16"), deployed("8.2.5", "dev", ""), false, []string{"dev", "set databases.version to 16"}},
		"lowered":                           {deployed("8.2.4", "54.0.5", "17"), deployed("8.2.4", "54.0.5", "16"), false, []string{"is 17 and cannot become 16", "give 17 as database.version"}},
		"lowered by a release":              {deployed("8.2.5", "56.0.4", ""), deployed("8.2.5", "54.0.5", ""), false, []string{"is 18 and cannot become 16"}},
		"raised together with Concourse":    {deployed("8.2.4", "54.0.5", "16"), deployed("8.2.5", "54.0.5", "17"), true, []string{"16 → 17 is a step of its own", "from 8.2.4 to 8.2.5"}},
		"a release that lacks the new one":  {deployed("8.2.5", "54.0.5", "16"), deployed("8.2.5", "54.0.5", "18"), true, []string{"54.0.5 has PostgreSQL 15, 16 and 17, not 18"}},
		"a release that lacks the old one":  {deployed("8.2.5", "53.1.3", "13"), deployed("8.2.5", "54.0.5", "16"), true, []string{"not 13"}},
		"a release that drops it":           {deployed("8.2.5", "53.1.3", "13"), deployed("8.2.5", "54.0.5", "13"), false, []string{"not 13"}},
		"no release ever had it":            {nil, deployed("8.2.5", "54.0.5", "14"), false, []string{"not 14"}},
		"an older Concourse on 18":          {nil, deployed("8.2.4", "56.0.4", "18"), false, []string{"18 needs Concourse 8.2.5", "nothing was changed"}},
		"Concourse 8 on an old one":         {deployed("7.14.1", "43", "11"), deployed("8.2.5", "43", "11"), false, []string{"pgcrypto", "11"}},
	} {
		change, err := postgres.Compare(of.deployed, of.wanted, "database.version")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if change.Major() != of.major || (change.String() != "") != of.major {
			t.Errorf("%s: a major upgrade is %t, %q", name, change.Major(), change)
		}
		err = change.Problem()
		if (err == nil) != (of.want == nil) {
			t.Errorf("%s: got %v, want %q", name, err, of.want)
			continue
		}
		for _, part := range of.want {
			if !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("%s: the error lacks %q: %v", name, part, err)
			}
		}
	}
}

func TestRoom_isForTheCopy(t *testing.T) {
	c := postgres.Change{Group: "db", From: 16, To: 17, Release: "54.0.5"}
	for percent, good := range map[int]bool{0: true, 45: true, 46: false, 100: false} {
		err := c.Room(percent)
		if (err == nil) != good {
			t.Errorf("%d%%: %v", percent, err)
		}
		if err != nil && !strings.Contains(err.Error(), "db is") {
			t.Errorf("the error does not name the disk: %v", err)
		}
	}
}

func TestString_saysWhatAMajorUpgradeNeeds(t *testing.T) {
	vm := postgres.Change{Group: "db", From: 16, To: 17, Release: "54.0.5"}.String()
	service := postgres.Change{From: 16, To: 17}.String()
	for text, parts := range map[string][]string{vm: {"16 → 17", "copied", "disk of db", "45%"}, service: {"16 → 17", "RDS takes a snapshot"}} {
		for _, part := range append(parts, "away", "way back") {
			if !strings.Contains(text, part) {
				t.Errorf("it lacks %q: %s", part, text)
			}
		}
	}
}
