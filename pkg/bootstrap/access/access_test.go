package access_test

import (
	"context"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/access"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// parsed is a perpetual.yml.
func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onAWS is how an installation on AWS is reached.
func onAWS(t *testing.T, text string) access.Access {
	return access.Access{
		Config:         config.Defaults(parsed(t, "aws: {region: eu-central-1}\n"+text)),
		Infrastructure: manifest.Infrastructure{DirectorAddress: "203.0.113.9", DirectorIP: "10.0.0.6", WebAddress: "203.0.113.10"},
		Credentials:    secret.Values{"atc_password": "atc-s3cret", "admin_password": "admin-s3cret", "director_password": "director-s3cret"},
	}
}

func TestDirector_isReachedFromInsideByItsPrivateAddress(t *testing.T) {
	a := onAWS(t, "")
	if got := a.Director(); got.URL != "https://203.0.113.9:25555" || got.Password.Reveal() != "director-s3cret" {
		t.Errorf("from outside at %s", got.URL)
	}
	a.Self = true
	if got := a.Director().URL; got != "https://10.0.0.6:25555" {
		t.Errorf("from inside at %s", got)
	}
	a = access.Access{Config: config.Defaults(parsed(t, "director: {url: \"https://director.example.com:25555\", client: ci, client_secret: s3cret}"))}
	if got := a.Director(); got.URL != "https://director.example.com:25555" || got.Client != "ci" || got.ClientSecret.Reveal() != "s3cret" {
		t.Errorf("one that exists, at %s as %q", got.URL, got.Client)
	}
}

// The pipeline's own user may do what it does in its team alone where it does no quiet
// upgrades; by hand somebody of the team main does.
func TestWeb_isAskedAsAUserThatMayUpgradeIt(t *testing.T) {
	for text, want := range map[string][]string{ // by hand, in a self-upgrade, as a person
		"":                                  {"perpetual", "perpetual", "admin"},
		"pipeline: {quiet_upgrades: false}": {"admin", "perpetual", "admin"},
	} {
		a := onAWS(t, text)
		got := []string{a.Web().Username}
		if a.Web().Team != manifest.PipelineTeam {
			t.Errorf("%q: in the team %s", text, a.Web().Team)
		}
		a.Self = true
		got = append(got, a.Web().Username, a.Person().Username)
		if !slices.Equal(got, want) || a.Person().Team != manifest.FormerTeam {
			t.Errorf("%q: as %q, want %q; a person in the team %s", text, got, want, a.Person().Team)
		}
	}
}

// Before the deploy Concourse is where it was, unless a run that was killed has moved it.
func TestWebNow_isWhereConcourseAnswers(t *testing.T) {
	const before, wanted = "https://old.example.com", "https://ci.example.com"
	for name, c := range map[string]struct {
		before  access.Before
		answers string
		want    string
		asked   []string
	}{
		"a first install": {want: wanted},
		"it is where it was verified": {
			before: access.Before{Web: &record.Web{URL: before}}, answers: before, want: before, asked: []string{before},
		},
		"a run that was killed has moved it": {
			before: access.Before{Web: &record.Web{URL: before}}, answers: wanted, want: wanted, asked: []string{before, wanted},
		},
		"it does not answer": {
			before: access.Before{Web: &record.Web{URL: before}}, want: before, asked: []string{before, wanted},
		},
		"it was not verified": {
			before:  access.Before{Config: parsed(t, "aws: {region: eu-central-1}\naccess: {domain: old.example.com}"), Infrastructure: &manifest.Infrastructure{}},
			answers: before, want: before, asked: []string{before},
		},
	} {
		a := onAWS(t, "access: {domain: ci.example.com}")
		a.Before = c.before
		var asked []string
		got := a.WebNow(t.Context(), func(_ context.Context, web resource.Concourse) bool {
			asked = append(asked, web.URL)
			return web.URL == c.answers
		})
		if got.URL != c.want || !slices.Equal(asked, c.asked) {
			t.Errorf("%s: at %s after asking %q, want %s after %q", name, got.URL, asked, c.want, c.asked)
		}
	}
}
