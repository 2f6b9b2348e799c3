package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	simulatedsite "github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	simulated "github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// account is a simulated AWS account in which the installer has an installation whose
// Concourse is the site's real one. That web reads its secrets there, with Concourse's own
// code, by the rights that the installer's stack gives its role.
type account struct {
	*simulatedsite.Site
	dir      string // from which perpetual is run
	metadata *http.Server
	address  string // of the metadata
	key      webKey
}

// webKey are the keys of the web's instance profile.
type webKey struct{ id, secret, session string }

// The names of the secrets as the installer's manifest has them in the web. That it has
// them so is looked at.
const (
	parameterPath = "/perpetual/" + simulatedsite.Name
	ownPath       = "/perpetual-own/" + simulatedsite.Name

	pipelineSecret = parameterPath + "/{{.Team}}/{{.Pipeline}}/{{.Secret}}"
	teamSecret     = parameterPath + "/{{.Team}}/{{.Secret}}"
)

// startAccount starts the account. Nothing is installed in it yet, and nobody has the
// role of the web.
func startAccount(ctx context.Context, s *site) (*account, error) {
	a := &account{dir: s.path("installer"), key: webKey{"ASIAWEB0000000000001", "secret-of-the-web", "session-of-the-web"}}
	dir := s.path("account")
	for _, made := range []string{dir, a.dir} {
		if err := os.MkdirAll(made, 0o700); err != nil {
			return nil, err
		}
	}
	var policies []string
	for _, p := range policy.Installer(policy.Scope{}) {
		policies = append(policies, string(p))
	}
	var err error
	a.Site, err = simulatedsite.Start(context.WithoutCancel(ctx), dir, simulatedsite.Options{
		InstallerPolicies: policies, Boundary: string(policy.Boundary(policy.Scope{})), Web: a.web(s),
	})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, a.Site.Close())
	}
	a.address = "http://" + listener.Addr().String()
	a.metadata = &http.Server{Handler: http.HandlerFunc(a.serveMetadata), ReadHeaderTimeout: time.Minute}
	go func() { _ = a.metadata.Serve(listener) }()
	return a, nil
}

// web is the site's web as the account's director knows it. That one has VMs of its own,
// by whose names the workers are called there; no more than the names is changed.
func (a *account) web(s *site) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.address() + ":8080"})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path != "/api/v1/workers" || r.StatusCode != http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		for _, i := range a.Director.Instances(manifest.Deployment) {
			if real := s.slots.worker(fmt.Sprintf("worker-%d", i.Index)); i.Group == "worker" && real != "" {
				body = bytes.ReplaceAll(body, []byte(real), []byte(workerName(i.ID, i.AgentID)))
			}
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept-Encoding") // what is read here is not compressed
		proxy.ServeHTTP(w, r)
	})
}

func (a *account) close() error {
	return errors.Join(a.metadata.Close(), a.Err(), a.Site.Close())
}

// settings are Concourse's own, as the release's job writes them from the manifest.
func (a *account) settings() map[string]string {
	return map[string]string{
		"AWS_SSM_REGION": aws.DefaultRegion, "AWS_SSM_PIPELINE_SECRET_TEMPLATE": pipelineSecret, "AWS_SSM_TEAM_SECRET_TEMPLATE": teamSecret,
	}
}

// env makes the account AWS for the web, which has no key but that of its profile.
func (a *account) env() []string {
	env := []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + a.address}
	for name, value := range a.Env() {
		switch name {
		case "AWS_ENDPOINT_URL_SSM", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE":
			env = append(env, name+"="+value)
		}
	}
	return env
}

// serveMetadata is the instance metadata service of the web's VM, version 2, as far as
// AWS's SDK asks it for keys. Before there is a stack the VM has no profile.
func (a *account) serveMetadata(w http.ResponseWriter, r *http.Request) {
	const keys = "/latest/meta-data/iam/security-credentials/"
	role := a.resource("WebRole")
	switch {
	case r.URL.Path == "/latest/api/token" && r.Method == http.MethodPut:
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = io.WriteString(w, "metadata-token")
	case role != "" && r.URL.Path == keys:
		_, _ = io.WriteString(w, role)
	case role != "" && r.URL.Path == keys+role:
		_ = json.NewEncoder(w).Encode(map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": a.key.id, "SecretAccessKey": a.key.secret, "Token": a.key.session,
			"LastUpdated": time.Now().UTC().Format(time.RFC3339), "Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339),
		})
	default:
		http.NotFound(w, r)
	}
}

// resource is what a resource of the installation's stack is called; "" without one.
func (a *account) resource(logicalID string) string {
	for _, made := range a.Stacks.State().Stacks {
		if r, there := made.Resources[logicalID]; there {
			return r.PhysicalID
		}
	}
	return ""
}

// profile lets the web act as the role that the stack has made for it.
func (a *account) profile() error {
	role := a.resource("WebRole")
	if role == "" {
		return errors.New("the installer's stack has no role for the web")
	}
	a.AWS.SetKey(a.key.id, aws.Key{
		Secret: a.key.secret, Session: a.key.session,
		ARN: "arn:aws:sts::" + aws.DefaultAccount + ":assumed-role/" + role + "/i-0a1b2c3d4e5f60718",
	})
	return nil
}

// deploy runs perpetual deploy by hand, and gives what it said.
func (s *stage) deploy(ctx context.Context) (string, error) {
	a := s.account
	set := s.oldSet()
	set.Postgres, set.Images = "", nil
	a.Publish(set)
	err := a.WriteFiles(a.dir, map[string]any{
		"workers":  map[string]any{"count": len(s.workers)},
		"auth":     map[string]any{"local_users": map[string]any{flyUser: flyPassword}},
		"pipeline": map[string]any{"github_token": simulated.GitHubToken, "quiet_upgrades": false},
		"versions": map[string]any{"concourse": "7.x", "perpetual_keys": []any{publisher.Key}, "perpetual_min_age": "0s"},
	})
	if err != nil {
		return "", err
	}
	program := filepath.Join(a.dir, "perpetual")
	const version = "github.com/perpetual-ci/perpetual/pkg/command.Version="
	if err := s.tools.goBuild(ctx, "../..", program, "./cmd/perpetual", "-X "+version+oldPerpetual); err != nil {
		return "", err
	}
	var env []string
	for name, value := range a.Env() {
		env = append(env, name+"="+value)
	}
	said, err := run(ctx, a.dir, env, program, "deploy", "--output", "json")
	if err != nil {
		return said, fmt.Errorf("perpetual deploy: %w", err)
	}
	return said, a.profile()
}

// own are the parameters of the pipeline's own, by their short names.
func (a *account) own() map[string]string {
	all := map[string]string{}
	for name, p := range a.AWS.Parameters() {
		if short, is := strings.CutPrefix(name, ownPath+"/"); is {
			all[short] = p.Value
		}
	}
	return all
}

// putOwn writes one of them.
func (a *account) putOwn(short, value string) {
	a.AWS.SetParameter(ownPath+"/"+short, aws.Parameter{Type: "SecureString", Value: value})
}
