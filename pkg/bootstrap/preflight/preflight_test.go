package preflight_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
)

// documents implements preflight.Documents.
type documents struct {
	known, old  bool
	missing     []string // beside the credentials
	credentials bool
}

func (d documents) Known() bool          { return d.known }
func (d documents) Old() bool            { return d.old }
func (d documents) HasCredentials() bool { return d.credentials }
func (d documents) Missing(generated bool) []string {
	if generated && !d.credentials {
		return append(slices.Clone(d.missing), "credentials.json")
	}
	return d.missing
}

// whole are those of an installation that lacks nothing.
var whole = documents{known: true, credentials: true}

// store implements preflight.Store.
type store []string

func (s store) List(_ context.Context, prefix string) (found []string, err error) {
	for _, name := range s {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	return found, nil
}

const directorState = "run/environment/state.json"

// says compares an error with what must be in it; "" wants none.
func says(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		switch {
		case part == "" && err != nil, part != "" && (err == nil || !strings.Contains(err.Error(), part)):
			t.Errorf("wanted %q: %v", part, err)
		}
	}
}

func TestCheckSilence_wantsNobodyWhereADirectorWouldBeCreated(t *testing.T) {
	for name, of := range map[string]struct {
		has     store
		answers bool
		says    string
	}{
		"nobody answers":        {nil, false, ""},
		"its director answers":  {store{directorState}, true, ""},
		"someone else answers":  {store{"run/record.json"}, true, "a director answers at https://198.51.100.2:25555, and the bucket mine has no " + directorState},
		"it has another folder": {store{"environment/state.json"}, true, "it was not touched"},
	} {
		t.Run(name, func(t *testing.T) {
			s := preflight.State{Where: "the bucket mine", Store: of.has, DirectorState: directorState}
			says(t, s.CheckSilence(t.Context(), "run/environment/", "https://198.51.100.2:25555", func(context.Context, string) bool { return of.answers }), of.says)
		})
	}
}

// cloudAccount implements preflight.Account.
type cloudAccount struct{ err error }

func (a cloudAccount) Identity(context.Context) (login.Identity, error) {
	return login.Identity{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ada"}, nil
}

func (a cloudAccount) Zones(context.Context) ([]account.Zone, error) { return nil, a.err }

func TestIdentify_refusesAnotherAccount(t *testing.T) {
	for wanted, part := range map[string]string{
		"": "", "123456789012": "", "999999999999": "these credentials are of account 123456789012 (arn:aws:iam::123456789012:user/ada), but aws.account is 999999999999; nothing was changed",
	} {
		found, err := preflight.Identify(t.Context(), cloudAccount{}, wanted)
		if says(t, err, part); err == nil && found.Account != "123456789012" {
			t.Errorf("it is %+v", found)
		}
	}
	_, err := preflight.Identify(t.Context(), cloudAccount{errBroken}, "")
	says(t, err, errBroken.Error())
}

func TestCheckOrigin_refusesTheStateOfAnotherAccountOrRegion(t *testing.T) {
	here := login.Identity{Account: "123456789012"}
	for _, of := range []struct {
		state  record.Choice
		by     login.Identity
		region string
		says   string
	}{
		{record.Choice{Account: "123456789012", Region: "eu-west-1"}, here, "eu-west-1", ""},
		{record.Choice{}, here, "eu-west-1", ""},
		{record.Choice{Account: "123456789012", Region: "eu-west-1"}, login.Identity{}, "", ""},
		{record.Choice{Account: "999999999999"}, here, "", "use credentials of 999999999999"},
		{record.Choice{Region: "us-east-1"}, here, "eu-west-1", "run again with --aws-region us-east-1"},
	} {
		says(t, preflight.CheckOrigin(of.state, of.by, of.region), of.says)
	}
}
