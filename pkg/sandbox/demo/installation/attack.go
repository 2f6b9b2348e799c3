package installation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/forgery"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// The documents of the state that are attacked. The pipeline may read all of them.
const (
	configurationDocument = "operator/configuration.json"
	credentialsDocument   = "operator/credentials.json"
	pipelineDocument      = "operator/pipeline.json"
)

// ownParameters is below which the pipeline's parameters are.
const ownParameters = "/perpetual-own/" + site.Name + "/"

// foreignCPI is what the attacker would have the operator's machine build and run.
const foreignCPI = "https://cpi.attacker.example.com/bosh-aws-cpi.tgz"

// keys are what a build of the pipeline has in its environment.
type keys struct {
	id, secret string // of AWS
	state      string // reads the pipeline's part of the state: "AGE-SECRET-KEY-1…"
}

// keysOf finds them.
func keysOf(env map[string]string) keys {
	id, secret, _ := strings.Cut(env["AWS_KEY"], "\n")
	return keys{id, secret, env["PERPETUAL_STATE_KEY"]}
}

// attackFacts are what came of the attack.
type attackFacts struct {
	writeRefused, untouched bool      // the pipeline's keys do not write what the operator has said
	own, foreign            int       // parameters that these keys read, the pipeline's own and others
	refused                 int       // others that they are refused
	opened, closed          bool      // the pipeline's state key opens its own document, and not the credentials
	changed, replayed       []refusal // what plan and deploy said of a changed document, and of an older one
	written                 changes   // by these runs
	objects                 int       // that they wrote into the bucket
	healed                  bool      // with the right document back plan finds nothing to do
}

// refusal is what a run of perpetual said that must not go on.
type refusal struct {
	code int // with which it exited; 0: it did not refuse
	text string
}

// names says whether every run was refused in a line that says all of that.
func names(list []refusal, words ...string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(r refusal) bool {
		return r.code != 1 || slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(r.text, word) })
	})
}

// attack is the part of somebody who has got at the keys of the pipeline, and then of
// somebody who may write the whole bucket.
func (i *install) attack(ctx context.Context) error {
	if i.options.PipelinePolicy != "" {
		policy, err := iam.Parse([]byte(i.options.PipelinePolicy))
		if err != nil {
			return err
		}
		i.site.AWS.ChangeKey(i.keys.id, func(k *aws.Key) { k.Policies = []iam.Policy{policy} })
		i.line.Add("", "they may do what another policy says, and not what the stack gives them")
	}
	thief := i.site.AWS.Caller(i.keys.id, i.keys.secret)
	right := i.site.AWS.Object(bucketName, configurationDocument)
	forged, err := forgery.Configuration(right, i.keys.state, foreignCPI)
	if err != nil {
		return fmt.Errorf("change %s: %w", configurationDocument, err)
	}
	if err := i.try(ctx, thief, right, forged); err != nil {
		return err
	}
	return i.plant(ctx, right, forged)
}

// try does what the pipeline's keys must not do.
func (i *install) try(ctx context.Context, thief aws.Caller, right, forged string) error {
	f := &i.facts.attack
	err := thief.PutObject(ctx, bucketName, configurationDocument, forged)
	f.writeRefused, f.untouched = aws.Denied(err), i.site.AWS.Object(bucketName, configurationDocument) == right
	i.line.Add("attacker", "write "+configurationDocument+": "+told(err))
	if err == nil {
		i.site.AWS.PutObject(bucketName, configurationDocument, right)
	}
	for _, name := range slices.Sorted(maps.Keys(i.site.AWS.Parameters())) {
		_, err := thief.Parameter(ctx, name)
		switch {
		case !strings.HasPrefix(name, ownParameters):
			i.line.Add("attacker", "read parameter "+name+": "+told(err))
			if err == nil {
				f.foreign++
			} else if aws.Denied(err) {
				f.refused++
			}
		case err == nil:
			f.own++
		}
	}
	f.opened = i.decrypt(ctx, thief, pipelineDocument) == nil
	err = i.decrypt(ctx, thief, credentialsDocument)
	f.closed = errors.Is(err, forgery.ErrClosed) || aws.Denied(err)
	return ctx.Err()
}

// decrypt reads a document of the state and opens it with the key that the pipeline has.
func (i *install) decrypt(ctx context.Context, thief aws.Caller, name string) error {
	text, err := thief.Object(ctx, bucketName, name)
	if err == nil {
		_, err = forgery.Open(text, i.keys.state)
	}
	i.line.Add("attacker", "read "+name+", and decrypt it with the pipeline's key: "+told(err))
	return err
}

// plant brings documents past IAM, as somebody can whose own policy allows it, and runs
// perpetual as the operator does.
func (i *install) plant(ctx context.Context, right, forged string) error {
	f := &i.facts.attack
	i.line.Add("attacker", "has the key of another user now, backup, who may write the whole bucket: no policy of this installation binds it")
	policy, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::` + bucketName + `", "arn:aws:s3:::` + bucketName + `/*"]}]}`))
	if err != nil {
		return err
	}
	const id, secret = "AKIASANDBOXBACKUP001", "secret-of-backup"
	i.site.AWS.SetKey(id, aws.Key{Secret: secret, ARN: "arn:aws:iam::" + aws.DefaultAccount + ":user/backup", Policies: []iam.Policy{policy}})
	backup := i.site.AWS.Caller(id, secret)
	versions, err := backup.Versions(ctx, bucketName, configurationDocument)
	if err != nil {
		return fmt.Errorf("read the versions of %s: %w", configurationDocument, err)
	}
	older, err := forgery.Older(right, versions)
	if err != nil {
		return fmt.Errorf("look for a version of %s: %w", configurationDocument, err)
	}
	for _, planted := range []struct {
		what, text string
		said       *[]refusal
	}{
		{"with " + foreignCPI + " as the director's CPI", forged, &f.changed},
		{"as it was before, signed by the operator", older, &f.replayed},
	} {
		err := backup.PutObject(ctx, bucketName, configurationDocument, planted.text)
		i.line.Add("attacker", "write "+configurationDocument+", "+planted.what+": "+told(err))
		if err != nil {
			return err
		}
		for _, verb := range []string{"plan", "deploy"} {
			said, err := i.refused(ctx, verb)
			if err != nil {
				return err
			}
			*planted.said = append(*planted.said, said)
		}
	}
	i.line.Add("", "written by these four runs: "+f.written.String()+fmt.Sprintf(", %d into the bucket", f.objects))
	// Whoever may write the state's bucket by right brings the version back that was seen.
	operator := i.site.AWS.Caller(aws.AccessKey, aws.SecretKey)
	if err := operator.PutObject(ctx, bucketName, configurationDocument, right); err != nil {
		return fmt.Errorf("put %s back: %w", configurationDocument, err)
	}
	i.line.Add("operator", "has put the right "+configurationDocument+" back")
	said, err := i.refused(ctx, "plan")
	if err != nil {
		return err
	}
	f.healed = said.code == 0
	return nil
}

// refused runs perpetual as the operator does, and counts what it has written.
func (i *install) refused(ctx context.Context, verb string) (refusal, error) {
	f, was, objects := &i.facts.attack, i.changes(), i.site.AWS.WritesBy()["objects"]
	i.line.Add("perpetual", "$ perpetual "+verb)
	_, err := i.run(ctx, i.mine(verb, "--output", "json"), io.Discard)
	f.written = f.written.and(i.changes().since(was))
	f.objects += i.site.AWS.WritesBy()["objects"] - objects
	var exit *exitError
	if errors.As(err, &exit) {
		i.line.Add("perpetual", fmt.Sprintf("exits with %d: %s", exit.code, exit.text))
		return refusal{exit.code, exit.text}, nil
	}
	if err == nil {
		i.line.Add("perpetual", "exits with 0")
	}
	return refusal{}, err
}

// told is how something went for the attacker.
func told(err error) string {
	var refused *aws.Refused
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &refused):
		return fmt.Sprintf("AWS answers %d %s", refused.Status, refused.Code)
	}
	return err.Error()
}
