package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/go-concourse/concourse"
	"golang.org/x/oauth2"
)

// mainTeam is the one whose owners administer a Concourse.
const mainTeam = "main"

// api is Concourse's API as one of its users sees it.
type api struct {
	url, team          string // whose pipelines are asked for
	username, password string

	mu     sync.Mutex
	client concourse.Client // quick questions
	stream concourse.Client // event streams, which may take any time
}

// newAPI makes a client for a user of the team main, who logs in at the first question.
func newAPI(url, username, password string) *api {
	return &api{url: url, team: mainTeam, username: username, password: password}
}

// in is the same in another team.
func (a *api) in(team string) *api {
	other := newAPI(a.url, a.username, a.password)
	other.team = team
	return other
}

// login gets a token, which holds for the whole run.
func (a *api) login(ctx context.Context) (concourse.Client, concourse.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil {
		return a.client, a.stream, nil
	}
	// The identity of the fly CLI, built into every Concourse.
	grant := oauth2.Config{
		ClientID: "fly", ClientSecret: "Zmx5", Scopes: []string{"openid", "profile", "email", "federated:id", "groups"},
		Endpoint: oauth2.Endpoint{TokenURL: a.url + "/sky/issuer/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	token, err := grant.PasswordCredentialsToken(ctx, a.username, a.password)
	if err != nil {
		return nil, nil, fmt.Errorf("log in as %s: %w", a.username, err)
	}
	source := oauth2.StaticTokenSource(token)
	a.client = concourse.NewClient(a.url, &http.Client{Transport: &oauth2.Transport{Source: source}, Timeout: 10 * time.Second}, false)
	a.stream = concourse.NewClient(a.url, &http.Client{Transport: &oauth2.Transport{Source: source}}, false)
	return a.client, a.stream, nil
}

// ask calls the API until it answers: the web restarts now and then.
func ask[T any](ctx context.Context, a *api, what string, question func(concourse.Client) (T, error)) (T, error) {
	var answer T
	err := eventually(ctx, patience, what, func(ctx context.Context) error {
		client, _, err := a.login(ctx)
		if err != nil {
			return err
		}
		answer, err = question(client)
		return err
	})
	return answer, err
}

func reference(pipeline string) atc.PipelineRef { return atc.PipelineRef{Name: pipeline} }

// config is a pipeline as it is set, with its version.
type config struct {
	atc.Config
	version string // "3"; it changes whenever the pipeline is set
}

func (a *api) config(ctx context.Context, pipeline string) (config, error) {
	return ask(ctx, a, "the config of "+pipeline, func(client concourse.Client) (config, error) {
		found, version, ok, err := client.Team(a.team).PipelineConfig(reference(pipeline))
		if err == nil && !ok {
			err = finalError{errors.New("the pipeline is not set")}
		}
		return config{found, version}, err
	})
}

// versions of a resource, newest first.
func (a *api) versions(ctx context.Context, pipeline, resource string) ([]atc.ResourceVersion, error) {
	return ask(ctx, a, "the versions of "+resource, func(client concourse.Client) ([]atc.ResourceVersion, error) {
		list, _, ok, err := client.Team(a.team).ResourceVersions(reference(pipeline), resource, concourse.Page{Limit: 100}, nil)
		if err == nil && !ok {
			err = finalError{errors.New("there is no such resource")}
		}
		return list, err
	})
}
