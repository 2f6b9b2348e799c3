package site

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi/tarball"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// What the simulated director is made of; its jobs have the names of the real ones.
const (
	stemcellVersion = "1.484"
	compiledFor     = "ubuntu-noble/" + stemcellVersion
	// bootFile is what the job director renders: all that the simulator needs to know.
	bootFile = "config/boot.json"
)

const bootTemplate = `<%= require "json"
JSON.dump("users" => p("director.user_management.local.users"), "cert" => p("director.ssl.cert"), "key" => p("director.ssl.key")) %>`

// publish makes the releases and the stemcell of the director, and says in variables
// where they are.
func (s *Site) publish() error {
	job := func(name string) tarball.Job { return tarball.Job{Name: name, Packages: []string{"empty"}} }
	boot := tarball.Job{
		Name: "director", Packages: []string{"empty"}, Templates: map[string]string{bootFile: bootTemplate},
		Properties: []string{"director.user_management.local.users", "director.ssl.cert", "director.ssl.key"},
	}
	bosh := tarball.Release{
		Name: "bosh", Version: "283.1.6", Compiled: compiledFor, Packages: []string{"empty"},
		Jobs: []tarball.Job{boot, job("nats"), job("postgres"), job("blobstore"), job("health_monitor")},
	}
	bpm := tarball.Release{Name: "bpm", Version: "1.4.38", Compiled: compiledFor, Packages: []string{"empty"}, Jobs: []tarball.Job{job("bpm")}}
	s.vars = map[string]any{}
	for name, make := range map[string]func() (tarball.Archive, error){
		"bosh": bosh.Archive, "bpm": bpm.Archive,
		"cpi": func() (tarball.Archive, error) {
			return s.IaaS.CPIRelease("bosh-aws-cpi", "aws_cpi", "107.3.2", "aws.secret_access_key")
		},
		"stemcell": func() (tarball.Archive, error) {
			return tarball.LightStemcell("bosh-aws-xen-hvm-ubuntu-noble", "ubuntu-noble", stemcellVersion)
		},
	} {
		archive, err := make()
		if err != nil {
			return fmt.Errorf("make the release %s: %w", name, err)
		}
		s.vars["director_"+name+"_url"] = s.IaaS.Publish(archive.Name+".tgz", archive.Body)
		s.vars["director_"+name+"_sha1"] = archive.SHA1
	}
	return nil
}

// boot starts the director when its agent gets the rendered jobs.
func (s *Site) boot(ctx context.Context, blob []byte) error {
	text, err := find(blob, bootFile)
	if err != nil {
		return nil // the sources of a package
	}
	var job struct {
		Users []struct{ Name, Password string }
		Cert  string
		Key   string
	}
	if err := json.Unmarshal(text, &job); err != nil {
		return fmt.Errorf("read the director's rendered job: %w", err)
	}
	certificate, err := tls.X509KeyPair([]byte(job.Cert), []byte(job.Key))
	if err != nil {
		return fmt.Errorf("read the director's certificate: %w", err)
	}
	d := world.Director{Username: "perpetual", Certificate: certificate}
	for _, user := range job.Users {
		if user.Name == d.Username {
			d.Password = user.Password
		}
	}
	for _, address := range append(s.elastic("DirectorAddress"), s.directorIP()) {
		d.Addresses = append(d.Addresses, address+":25555")
	}
	s.options.Observe("director", "starts at "+strings.Join(d.Addresses, " and "))
	s.mu.Lock()
	s.booted = d
	s.mu.Unlock()
	return s.World.BootDirector(ctx, d)
}

// elastic is the address that a resource of a stack is.
func (s *Site) elastic(logicalID string) []string {
	var list []string
	for _, stack := range s.Stacks.State().Stacks {
		for _, r := range stack.Resources {
			if r.LogicalID == logicalID {
				list = append(list, r.PhysicalID)
			}
		}
	}
	return list
}

// find reads a file of the rendered jobs.
func find(blob []byte, name string) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if err != nil {
			return nil, errors.Join(errors.New("no "+name), err)
		}
		if clean := path.Clean(header.Name); path.Join("director", name) == clean || path.Base(path.Dir(path.Dir(clean))) == "director" && path.Base(clean) == path.Base(name) {
			return io.ReadAll(archive)
		}
	}
}

// Config is a perpetual.yml for this site; extra sections win.
func (s *Site) Config(extra map[string]any) ([]byte, error) {
	config := map[string]any{
		"schema": 1, "name": Name,
		"aws":      map[string]any{"region": "eu-central-1", "network": map[string]any{"cidr": s.network + ".0.0/16"}},
		"access":   map[string]any{"port": webPort},
		"github":   map[string]any{"url": s.URLs["github"] + "/api/v3", "ca_cert": s.CA},
		"bosh_io":  map[string]any{"url": s.URLs["boshio"]},
		"pipeline": map[string]any{"github_token": world.GitHubToken},
		"manifest": map[string]any{"vars": s.vars},
		"versions": map[string]any{"perpetual_keys": []any{publisher.Key}, "perpetual_min_age": "0s"},
	}
	for key, value := range extra {
		config[key] = value
	}
	if section, ok := config["aws"].(map[string]any); ok && s.options.Boundary != "" {
		section = maps.Clone(section)
		if _, given := section["permissions_boundary"]; !given {
			section["permissions_boundary"] = boundary
		}
		config["aws"] = section
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("write perpetual.yml: %w", err)
	}
	return text, nil
}

// WebURL is where Concourse answers; "" before there is a stack.
func (s *Site) WebURL() string {
	for _, address := range s.elastic("WebAddress") {
		return "https://" + address + ":" + strconv.Itoa(webPort)
	}
	return ""
}
