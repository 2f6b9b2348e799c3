package schema_test

import (
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

func TestProblem_isOneLineWithWhatIsKnown(t *testing.T) {
	for want, p := range map[string]schema.Problem{
		"it is wrong":                           {Text: "it is wrong"},
		"beds: it is wrong":                     {Key: "beds", Text: "it is wrong"},
		"garden.yml: it is wrong":               {File: "garden.yml", Text: "it is wrong"},
		"garden.yml:3: beds: it is wrong":       {File: "garden.yml", Line: 3, Key: "beds", Text: "it is wrong"},
		"beds: it is odd":                       {Line: 3, Key: "beds", Text: "it is odd"},
		"--beds: warning: beds: it is odd":      {File: "--beds", Key: "beds", Text: "it is odd", Warning: true},
		"garden.yml:3: warning: beds: it is so": {File: "garden.yml", Line: 3, Key: "beds", Text: "it is so", Warning: true},
	} {
		if got := p.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestProblems_areAnErrorUnlessAllAreWarnings(t *testing.T) {
	bad, odd := schema.Problem{Key: "beds", Text: "is bad"}, schema.Problem{Key: "name", Text: "is odd", Warning: true}
	all := schema.Problems{odd, bad, odd}
	var found schema.Problems
	if err := all.Err(); !errors.As(err, &found) || len(found) != 1 || found[0] != bad {
		t.Errorf("got %v", err)
	}
	if len(all) != 3 || all[0] != odd {
		t.Errorf("Err has changed them: %v", all)
	}
	for _, none := range []schema.Problems{nil, {odd}, {odd, odd}} {
		if err := none.Err(); err != nil {
			t.Errorf("%v are an error: %v", none, err)
		}
	}
	if got := all.Error(); got != "warning: name: is odd\nbeds: is bad\nwarning: name: is odd" {
		t.Errorf("got %q", got)
	}
}

func TestProblems_areAboutAKeyAndWhatIsInIt(t *testing.T) {
	problems := schema.Problems{{Key: "pond"}, {Key: "plants[1]"}, {Key: ""}}
	for key, want := range map[string]bool{
		"pond": true, "pond.fish": true, "pond[0]": true, "ponds": false, "pon": false, "plants": false, "plants[1]": true, "plants[1].a": true, "plants[10]": false, "": false, "name": false,
	} {
		if problems.About(key) != want {
			t.Errorf("about %q is %t", key, !want)
		}
	}
}

func TestSource_locatesAKeyOrWhatHoldsIt(t *testing.T) {
	r, err := newGarden(t).Read("garden.yml", []byte("name: rose\npond:\n  depth: 1\nplants:\n- oak\n- rose\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Source.Given("beds", "--beds")
	r.Source.Given("pond.fish", "GARDEN_POND_FISH")
	for key, want := range map[string]string{
		"name":       "garden.yml:1: name: x",
		"pond":       "garden.yml:2: pond: x",
		"pond.depth": "garden.yml:3: pond.depth: x",
		"pond.frogs": "garden.yml:2: pond.frogs: x",
		"pond.fish":  "GARDEN_POND_FISH: pond.fish: x",
		"plants[1]":  "garden.yml:6: plants[1]: x",
		"plants[7]":  "garden.yml:4: plants[7]: x",
		"beds":       "--beds: beds: x",
		"beds[0]":    "--beds: beds[0]: x",
		"open":       "open: x",
		"":           "x",
	} {
		given := schema.Problems{{Key: key, Text: "x"}}
		if got := r.Source.Locate(given)[0].Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if given[0].File != "" {
			t.Errorf("%s: Locate has changed what it was given", key)
		}
	}
	known := schema.Problems{{Key: "name", Text: "x", File: "other.yml", Line: 9}}
	if got := r.Source.Locate(known)[0]; got != known[0] {
		t.Errorf("what has a place was moved to %v", got)
	}
}

func TestSource_mayBeNone(t *testing.T) {
	var none *schema.Source
	none.Given("beds", "--beds")
	if got := none.Locate(schema.Problems{{Key: "beds", Text: "x"}}); len(got) != 1 || got[0].Error() != "beds: x" {
		t.Errorf("got %v", got)
	}
}

func TestSortByLine_keepsTheOrderOfALine(t *testing.T) {
	problems := schema.Problems{{Key: "c", Line: 3}, {Key: "a", Line: 1}, {Key: "b", Line: 1}, {Key: "none"}}
	schema.SortByLine(problems)
	var keys string
	for _, p := range problems {
		keys += p.Key + " "
	}
	if keys != "none a b c " {
		t.Errorf("got %q", keys)
	}
}
