package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/go-concourse/concourse"

	product "github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// storeSource is the var_source with which the pipeline of this scenario reads its
// parameters. It is the installer's own one under another name: a put takes the name
// "own" from the pipeline, which the bundled one without an installation does not have.
const storeSource = "store"

// playOwnTeam plays scenario 17: the installer moves the pipeline from the team main into
// one of its own, where it upgrades; and who may set pipelines in main reads none of its
// credentials.
func playOwnTeam(ctx context.Context, s *stage) error {
	if err := s.install(ctx); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := s.setFormer(ctx); err != nil {
		return fmt.Errorf("set the pipeline in main: %w", err)
	}
	said, err := s.deploy(ctx)
	if err != nil {
		return err
	}
	s.expectMoved(ctx, said)
	if err := s.setOwn(ctx); err != nil {
		return err
	}
	if err := s.expectRefused(ctx); err != nil {
		return err
	}
	if err := s.askEverything(ctx); err != nil {
		return err
	}
	for _, job := range []string{"upgrade", "verify"} {
		b, err := s.finished(ctx, job, "1")
		if err != nil {
			return err
		}
		s.expect(b.Status == "succeeded" && b.TeamName == s.team(), "the first build of "+job+" succeeded in team "+s.team(), "in %s it %s: %s", b.TeamName, b.Status, tail(b.log(), 300))
	}
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	s.expectOwnUpgrade(ctx, r)
	s.expectNothingSeen()
	return nil
}

// setFormer sets the pipeline where releases before the team of its own had it.
func (s *stage) setFormer(ctx context.Context) error {
	text, err := s.bundled(ctx, s.pipelineVars())
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("former.yml"), []byte(text), 0o600); err != nil {
		return err
	}
	if _, err := s.fly(ctx, "set-pipeline", "-n", "-p", pipelineName, "-c", s.path("former.yml")); err != nil {
		return err
	}
	_, err = s.fly(ctx, "unpause-pipeline", "-p", pipelineName)
	return err
}

// expectMoved is what holds after perpetual deploy by hand.
func (s *stage) expectMoved(ctx context.Context, said string) {
	const moved = "pipeline self-upgrade has moved from team main to team perpetual, and runs"
	s.expect(strings.Contains(said, moved), "perpetual deploy moved the pipeline from main", "it said %s", tail(said, 800))
	former, err := s.pipelineIn(ctx, mainTeam)
	s.expect(err == nil && former.Archived, "it is archived in main", "archived %t, paused %t (%v)", former.Archived, former.Paused, err)
	now, err := s.pipelineIn(ctx, s.team())
	s.expect(err == nil && !now.Archived && !now.Paused, "it runs in team "+s.team(), "archived %t, paused %t (%v)", now.Archived, now.Paused, err)
	auth, err := ask(ctx, s.api, "the pipeline's team", func(client concourse.Client) (atc.TeamAuth, error) {
		found, err := client.FindTeam(s.team())
		if err != nil {
			return nil, err
		}
		return found.Auth(), nil
	})
	want := atc.TeamAuth{"member": {"users": {"local:" + pipelineUser}, "groups": {}}}
	s.expect(err == nil && reflect.DeepEqual(auth, want), "the pipeline's user is that team's only member", "%v (%v)", auth, err)
	text := ""
	for _, d := range s.account.Director.Deployments() {
		text += d.Manifest
	}
	s.expect(strings.Contains(text, pipelineSecret) && strings.Contains(text, teamSecret), "this web has the templates of the installer's manifest", "it has others")
	s.expect(len(s.account.own()) >= 5, "the pipeline's parameters are below "+ownPath, "there are %d", len(s.account.own()))
}

// pipelineIn is the pipeline in a team.
func (s *stage) pipelineIn(ctx context.Context, team string) (atc.Pipeline, error) {
	return ask(ctx, s.api, "the pipeline in "+team, func(client concourse.Client) (atc.Pipeline, error) {
		found, ok, err := client.Team(team).Pipeline(reference(pipelineName))
		if err == nil && !ok {
			err = finalError{errors.New("there is none")}
		}
		return found, err
	})
}

// setOwn sets the bundled pipeline in its team, with the var_source that the installer
// has set there, and with the credentials of this site's director and web. The
// installer's pipeline itself works on an account that no container reaches here.
func (s *stage) setOwn(ctx context.Context) error {
	set, err := s.api.config(ctx, pipelineName)
	if err != nil {
		return err
	}
	source, ok := set.VarSources.Lookup("own")
	s.expect(ok && source.Type == "ssm", "the installer's pipeline reads from SSM with a var_source of its own", "%t, of type %q", ok, source.Type)
	if !ok {
		return errors.New("the installer's pipeline has no var_source own")
	}
	if err := s.showOwn(ctx, source); err != nil {
		return err
	}
	vars := s.pipelineVars()
	for name, value := range map[string]string{
		"director_client_secret": s.secrets.director, "director_ca_cert": s.world.ca, "atc_password": s.secrets.atc, "github_token": s.secrets.github,
	} {
		s.account.putOwn(name, value)
		vars[name] = "((" + storeSource + ":" + name + "))"
	}
	vars["atc_team"] = s.team()
	text, err := s.bundled(ctx, vars)
	if err != nil {
		return err
	}
	source.Name = storeSource
	more, err := json.Marshal(atc.VarSourceConfigs{source})
	if err != nil {
		return err
	}
	return s.setText(ctx, text+"\nvar_sources: "+string(more)+"\n")
}

// expectOwnUpgrade is expectUpgrade where builds of others have ended as they should:
// without success.
func (s *stage) expectOwnUpgrade(ctx context.Context, r *round) {
	s.expect(r.upgrade.TeamName == s.team() && r.verify.TeamName == s.team(), "both builds were of team "+s.team(), "of %s and %s", r.upgrade.TeamName, r.verify.TeamName)
	s.expectUpgrade(ctx, r)
	s.expectDrained(r, "landing")
}

// expectRefused wants the pipeline's user to set pipelines in its team, and to change
// nothing in main and nobody's rights.
func (s *stage) expectRefused(ctx context.Context) error {
	as := func(team string) (*product.Client, error) {
		return product.New(product.Config{
			Config: session.Config{URL: s.web.public(), Username: s.secrets.user, Password: secret.New(s.secrets.atc), CACert: s.world.ca},
			Team:   team,
		})
	}
	here, err := as(s.team())
	if err != nil {
		return err
	}
	there, err := as(mainTeam)
	if err != nil {
		return err
	}
	const text = "jobs: [{name: nothing, plan: [{load_var: x, file: x/x}]}]\n"
	mine := product.Pipeline{Name: "mine"}
	change, err := here.SetPipeline(ctx, mine, []byte(text))
	s.expect(err == nil && change.Created, "the pipeline's user may set a pipeline in its team", "%v", err)
	_, err = there.SetPipeline(ctx, mine, []byte(text))
	s.expect(forbidden(err), "it may set none in main", "%v", err)
	for _, team := range []string{s.team(), mainTeam} {
		_, err = here.SetTeam(ctx, team, "owner", []string{s.secrets.user})
		s.expect(forbidden(err), "it may not make itself an owner of "+team, "%v", err)
	}
	return nil
}

// forbidden says whether Concourse itself has refused something.
func forbidden(err error) bool {
	var status *session.StatusError
	return errors.As(err, &status) && status.Status == http.StatusForbidden
}
