package setting_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/setting"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// sized is a configuration with a type for the web.
func sized(instanceType string) *config.Config {
	c := &config.Config{Name: "ci"}
	c.Web.InstanceType = instanceType
	return c
}

func TestSettings_sayWhereAStoredProblemComesFrom(t *testing.T) {
	problem := schema.Problems{{File: "perpetual.yml", Key: "web.instance_type", Text: "is not known"}}
	warning := schema.Problems{{Key: "web.instance_type", Text: "is large", Warning: true}}
	for name, of := range map[string]struct {
		settings setting.Settings
		problems schema.Problems
		stored   bool
	}{
		"the first deploy":  {setting.Settings{Given: sized("t3.x")}, problem, false},
		"it is given now":   {setting.Settings{Given: sized("t3.x"), Stored: sized("t3.y")}, problem, false},
		"only a warning":    {setting.Settings{Given: sized(""), Stored: sized("t3.y")}, warning, false},
		"it is stored only": {setting.Settings{Given: sized(""), Stored: sized("t3.y")}, problem, true},
	} {
		t.Run(name, func(t *testing.T) {
			said := of.settings.Explain(of.problems)
			if !of.stored {
				if !slices.Equal(said, of.problems) {
					t.Errorf("it says %+v", said)
				}
				return
			}
			if p := said[0]; p.File != "" || !strings.HasPrefix(p.Text, "is not known; this is stored from an earlier deploy") || !strings.Contains(p.Text, "null") {
				t.Errorf("it says %+v", p)
			}
			if of.problems[0].File == "" {
				t.Error("what was handed in has changed")
			}
		})
	}
}

func TestSettings_staleUntilAnotherValueIsGiven(t *testing.T) {
	stored := sized("t3.y")
	stored.Stale = schema.Problems{{Key: "web.instance_type", Text: "is refused now"}, {Key: "web.gone", Text: "is not known"}}
	stale := setting.Settings{Given: sized(""), Stored: stored}.Stale()
	if len(stale) != 2 || stale[0].Warning || !stale[1].Warning || stale[1].Text != "is not known; it is left out" {
		t.Errorf("it says %+v", stale)
	}
	if stale = (setting.Settings{Given: sized("t3.x"), Stored: stored}).Stale(); len(stale) != 1 || stale[0].Key != "web.gone" {
		t.Errorf("with another value it says %+v", stale)
	}
	if stale = (setting.Settings{Given: sized("t3.x")}).Stale(); len(stale) > 0 {
		t.Errorf("at the first deploy it says %+v", stale)
	}
}

func TestSettings_changesAreKeysAndFiles(t *testing.T) {
	s := setting.Settings{Stored: sized(""), Wanted: sized("t3.x"), Files: setting.Files{
		Given: []string{"same.yml", "new.yml", "other.yml"}, Wanted: []string{"same.yml", "new.yml", "other.yml"},
		Stored: map[string]string{"same.yml": "a: 1", "other.yml": "a: 1"},
		Open: func(name string) ([]byte, error) {
			return []byte(map[string]string{"same.yml": "a: 1", "new.yml": "b: 1", "other.yml": "a: 2"}[name]), nil
		},
	}}
	names, lines, err := s.Changes()
	if err != nil || !slices.Equal(names, []string{"web.instance_type", "new.yml", "other.yml"}) ||
		!slices.Equal(lines, []string{"~ web.instance_type: not set → t3.x", "~ file new.yml", "~ file other.yml"}) {
		t.Errorf("%q, %q, %v", names, lines, err)
	}
	s.Files.Open = func(string) ([]byte, error) { return nil, errors.New("no such file") }
	if _, _, err = s.Changes(); err == nil || err.Error() != "manifest: no such file" {
		t.Errorf("it ends with %v", err)
	}
	// A self-upgrade has no files of its own.
	s.Files.Self = true
	if names, _, err = s.Changes(); err != nil || !slices.Equal(names, []string{"web.instance_type"}) {
		t.Errorf("in a self-upgrade: %q, %v", names, err)
	}
}

// Whoever may write the state does not choose what is read from the operator's disk.
func TestFiles_neverOpenANameFromTheState(t *testing.T) {
	f := setting.Files{
		Installation: "ci", Wanted: []string{"/etc/shadow", "kept.yml"}, Given: []string{"mine.yml"}, Stored: map[string]string{"kept.yml": "a: 1"},
		Open: func(name string) ([]byte, error) { return []byte("opened " + name), nil },
	}
	for name, want := range map[string]string{"mine.yml": "opened mine.yml", "kept.yml": "a: 1"} {
		if text, err := f.Read(name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if text, err := f.Read("/etc/shadow"); err == nil || !strings.Contains(err.Error(), "perpetual deploy ci by hand, and name the file") {
		t.Errorf("it reads %q, %v", text, err)
	}
	f.Self = true
	if text, err := f.Read("mine.yml"); err == nil {
		t.Errorf("a self-upgrade reads %q", text)
	}
}

func TestSame_comparesWhatIsStored(t *testing.T) {
	for other, want := range map[*config.Config]bool{sized("t3.x"): true, sized("t3.y"): false} {
		if same, err := setting.Same(sized("t3.x"), other); same != want || err != nil {
			t.Errorf("%s: %v, %v", other.Web.InstanceType, same, err)
		}
	}
}
