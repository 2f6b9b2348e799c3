package part

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/goal"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	onAWS     = "aws: {region: eu-central-1}\n"
	local     = onAWS + "state: {dir: /srv/ci}\n"
	elsewhere = "director: {url: https://bosh.example.com:25555, client: ci, client_secret: s3cret}\naccess: {domain: ci.example.com}\nstate: {dir: /srv/ci}\n"
)

var errSilent = errors.New("no route to host")

// silent shows nothing.
type silent struct{}

func (silent) Begin(string)             {}
func (silent) Note(string, string)      {}
func (silent) End(string, step.Outcome) {}
func (silent) Warn(string)              {}

// director is one that answers, or does not.
type director struct {
	run.Director
	err   error
	asked int
}

func (d *director) Stemcells(context.Context) ([]bosh.Stemcell, error) {
	d.asked++
	return nil, d.err
}

// account has the CAs of the database service.
type account struct {
	run.Account
	asked int
}

func (a *account) DatabaseAuthorities(context.Context) (string, error) {
	a.asked++
	return "CA OF NOW", nil
}

// begun are the parts of a run with a perpetual.yml, by a director.
func begun(t *testing.T, text string, d *director) (*run.Run, Parts) {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	r := run.New(run.Installation{
		Name: "ci", Given: c, Program: "1.2.3", Progress: silent{}, Mask: func(...secret.Value) {}, Account: &account{},
		SpotCeiling: func(string, string) string { return "" },
		Director:    func(resource.Director) (run.Director, func(), error) { return d, func() {}, nil },
		OpenStack: func(string, stack.Options) (infrastructure.Stack, error) {
			return nil, errors.New("no stack is to be opened")
		},
	}, run.Options{})
	if err := r.Merge(); err != nil {
		t.Fatal(err)
	}
	r.Options.Self = true // so that nothing has to be stored
	return r, New(&goal.Goal{Run: r})
}

// steps are those of the parts, by what they do.
func steps(p Parts) map[string]step.Step {
	deletes := func(o step.Outcome, _ []string, err error) (step.Outcome, error) { return o, err }
	return map[string]step.Step{
		"infrastructure":        {Compare: p.Infrastructure.Compare},
		"director":              {Compare: p.Director.Compare, Converge: p.Director.Converge},
		"parameters":            {Compare: p.Parameters.Compare},
		"pipeline":              {Compare: p.Pipeline.Compare},
		"delete infrastructure": {Converge: func(ctx context.Context) (step.Outcome, error) { return deletes(p.Infrastructure.Delete(ctx)) }},
		"delete director":       {Converge: p.Director.Delete},
		"delete deployment":     {Converge: p.Deployment.Delete},
		"delete parameters":     {Converge: p.Parameters.Delete},
	}
}

func TestParts_doNothingWhereTheyDoNotApply(t *testing.T) {
	const noPipeline = "none is set, since this Concourse has no credential manager for its secrets: perpetual deploy ci --upgrade upgrades it"
	for text, wanted := range map[string]map[string]string{
		elsewhere: {
			"infrastructure": "the director exists already", "parameters": noParameters, "pipeline": noPipeline,
			"delete infrastructure": "the director's owner has made it", "delete director": "none was created",
			"delete deployment": "nothing was deployed", "delete parameters": "none were created",
		},
		local: {
			"parameters": whyLocal, "pipeline": whyLocal,
			"delete director": "none was created", "delete deployment": "nothing was deployed", "delete parameters": "none were created",
		},
	} {
		_, parts := begun(t, text, &director{})
		all := steps(parts)
		for name, want := range wanted {
			if o, err := all[name].Do(t.Context()); err != nil || o.Status != step.Skipped || o.Report != want {
				t.Errorf("%s with %q: %q, %q, %v", name, text, o.Status, o.Report, err)
			}
		}
	}
}

func TestDirector_thatExistsHasToAnswer(t *testing.T) {
	for name, broken := range map[string]error{"it answers": nil, "it does not": errSilent} {
		_, parts := begun(t, elsewhere, &director{err: broken})
		o, err := steps(parts)["director"].Do(t.Context())
		if !errors.Is(err, broken) || err == nil && (o.Status != step.UpToDate || o.Report != "the director at https://bosh.example.com:25555 answers") {
			t.Errorf("%s: %q, %v", name, o.Report, err)
		}
		c, err := parts.Director.Compare(t.Context())
		if !errors.Is(err, broken) || c.Changes {
			t.Errorf("%s: a plan finds %+v, %v", name, c, err)
		}
	}
}

// Of a director that is repaired a plan asks nothing more when it does not answer. One that
// does not have to be repaired has to answer.
func TestBroken_isADirectorThatIsRepairedAndSilent(t *testing.T) {
	for name, c := range map[string]struct {
		changes bool
		err     error
		want    bool
		asked   int
	}{
		"it stays as it is":         {err: errSilent},
		"it changes, and answers":   {changes: true, asked: 1},
		"it changes, and is silent": {changes: true, err: errSilent, want: true, asked: 1},
	} {
		d := &director{err: c.err}
		_, parts := begun(t, onAWS, d)
		parts.Director.changes = c.changes
		if got := parts.Director.broken(t.Context(), d); got != c.want || d.asked != c.asked {
			t.Errorf("%s: %t, after %d questions", name, got, d.asked)
		}
	}
}

// Other CAs would be a change of the web that nobody has asked for.
func TestFindAuthorities_keepsThoseOfTheFirstTime(t *testing.T) {
	for name, c := range map[string]struct {
		host   string
		before *manifest.Infrastructure
		want   string
		asked  int
	}{
		"there is no service":      {},
		"at the first time":        {host: "db.example.com", want: "CA OF NOW", asked: 1},
		"a stack that had none":    {host: "db.example.com", before: &manifest.Infrastructure{}, want: "CA OF NOW", asked: 1},
		"a stack that was there":   {host: "db.example.com", before: &manifest.Infrastructure{Database: manifest.Database{CA: "CA OF THEN"}}, want: "CA OF THEN"},
		"a service that has ended": {before: &manifest.Infrastructure{Database: manifest.Database{CA: "CA OF THEN"}}},
	} {
		r, parts := begun(t, onAWS, &director{})
		r.Outputs.Database.Host, r.Record.Infrastructure = c.host, c.before
		err := parts.Infrastructure.findAuthorities(t.Context())
		if asked := r.Account.(*account).asked; err != nil || r.Outputs.Database.CA != c.want || asked != c.asked {
			t.Errorf("%s: %q, after %d questions, %v", name, r.Outputs.Database.CA, asked, err)
		}
	}
}

func TestAccessKeys_areThoseOfTheUsersThatThereAre(t *testing.T) {
	for name, c := range map[string]struct {
		outputs manifest.Infrastructure
		want    []string
	}{
		"no users":           {},
		"the reader":         {outputs: manifest.Infrastructure{ReaderUser: "reader"}, want: []string{"reader /perpetual-own/ci/reader_key"}},
		"the pipeline's too": {outputs: manifest.Infrastructure{PipelineUser: "pipeline", ReaderUser: "reader", OwnPath: "/own/"}, want: []string{"pipeline /own/aws_key", "reader /own/reader_key"}},
	} {
		r, _ := begun(t, onAWS, &director{})
		r.Outputs = c.outputs
		keys := accessKeys(r)
		var got []string
		for _, h := range keys.Holders {
			got = append(got, h.User+" "+h.Parameter)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestParameterTags_areTheUsersAndWhoseTheyAre(t *testing.T) {
	r, _ := begun(t, "aws: {region: eu-central-1, tags: {team: ci}}", &director{})
	tags := parameterTags(r)
	if len(tags) != 2 || tags["team"] != "ci" || len(r.Config.AWS.Tags) != 1 {
		t.Errorf("they are %v, of %v", tags, r.Config.AWS.Tags)
	}
}

func TestPlan_ofWhatHasNoFoundationNamesAllOfIt(t *testing.T) {
	r, parts := begun(t, onAWS, &director{err: errSilent})
	r.Plans = true
	for name, compare := range map[string]func(context.Context) (step.Comparison, error){
		"director": parts.Director.Compare, "deployment": parts.Deployment.Compare, "parameters": parts.Parameters.Compare, "pipeline": parts.Pipeline.Compare,
	} {
		if c, err := compare(t.Context()); err != nil || !c.Changes || c.Summary != step.NotYet {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if c, err := parts.Verification.Compare(t.Context()); err != nil || c.Changes {
		t.Errorf("verification: %+v, %v", c, err)
	}
}
