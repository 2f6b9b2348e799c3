package manifest_test

import (
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"

	deploymentmanifest "github.com/cloudfoundry/bosh-cli/v7/deployment/manifest"
	deploymenttemplate "github.com/cloudfoundry/bosh-cli/v7/deployment/template"
	"github.com/cloudfoundry/bosh-cli/v7/director/template"
	installmanifest "github.com/cloudfoundry/bosh-cli/v7/installation/manifest"
	releasemanifest "github.com/cloudfoundry/bosh-cli/v7/release/set/manifest"
	"github.com/cloudfoundry/bosh-utils/logger"
	"github.com/cloudfoundry/bosh-utils/system/fakes"
	uuidfakes "github.com/cloudfoundry/bosh-utils/uuid/fakes"
	"github.com/cppforlife/go-patch/patch"
	yaml "gopkg.in/yaml.v2"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// made are real credentials of the default installation; they take some seconds.
func made(t *testing.T) (manifest.Input, object) {
	t.Helper()
	in := inputs(t)["default"]
	generated.once.Do(func() {
		list, err := manifest.Variables(in)
		if err == nil {
			generated.all, _, err = credential.Generate(t.Context(), list, nil, credential.Options{})
		}
		generated.err = err
	})
	if generated.err != nil {
		t.Fatal(generated.err)
	}
	in.Credentials = generated.all
	return in, generated.all
}

var generated struct {
	once sync.Once
	all  object
	err  error
}

// TestDirector_isWhatCreateEnvTakes has bosh-cli read and check the manifest, with
// real certificates.
func TestDirector_isWhatCreateEnvTakes(t *testing.T) {
	in, _ := made(t)
	manifestTemplate, err := manifest.Director(in)
	if err != nil {
		t.Fatal(err)
	}
	text, values, err := manifest.Split(manifestTemplate)
	if err != nil {
		t.Fatal(err)
	}
	const path = "/director.yml"
	log, fs, vars := logger.NewLogger(logger.LevelNone), fakes.NewFakeFileSystem(), template.StaticVariables{}
	plain, err := yaml.Marshal(values.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(plain, &vars); err != nil { // the library wants the maps that its decoder makes
		t.Fatal(err)
	}
	if err := fs.WriteFile(path, text); err != nil {
		t.Fatal(err)
	}
	releases, err := releasemanifest.NewParser(fs, log, releasemanifest.NewValidator(log)).Parse(path, vars, patch.Ops{})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := deploymenttemplate.NewDeploymentTemplate(text).Evaluate(vars, patch.Ops{})
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := deploymentmanifest.NewParser(fs, log).Parse(whole, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := deploymentmanifest.NewValidator(log).Validate(deployment, releases); err != nil {
		t.Error(err)
	}
	installer := installmanifest.NewParser(fs, uuidfakes.NewFakeGenerator(), log, installmanifest.NewValidator(log))
	installation, err := installer.Parse(path, vars, patch.Ops{}, releases)
	if err != nil {
		t.Fatal(err)
	}
	if installation.Mbus != "https://mbus:"+values["mbus_password"].(string)+"@198.51.100.2:6868" {
		t.Error("the agent is not reached by the director's elastic address")
	}
	networks, err := deployment.NetworkInterfaces("director")
	if err != nil {
		t.Fatal(err)
	}
	if networks["private"]["ip"] != "10.0.0.6" || networks["vip"]["ip"] != "198.51.100.2" {
		t.Errorf("the VM's networks are %v", networks)
	}
	if pool, err := deployment.ResourcePool("director"); err != nil || pool.CloudProperties["iam_instance_profile"] != "ci-director" {
		t.Errorf("the VM is made with %v, error %v", pool.CloudProperties, err)
	}
}

// TestVariables_certificatesHaveTheNamesThatPeersUse verifies as the peers do.
func TestVariables_certificatesHaveTheNamesThatPeersUse(t *testing.T) {
	in, all := made(t)
	for _, c := range []struct {
		name, ca string
		hosts    []string
	}{
		{"director_tls", "director_ca", []string{"10.0.0.6", "198.51.100.2"}},
		{"mbus_tls", "director_ca", []string{"10.0.0.6", "198.51.100.2"}},
		{"blobstore_tls", "director_ca", []string{"10.0.0.6"}},
		{"nats_server_tls", "nats_ca", []string{"10.0.0.6"}},
		{"web_tls", "web_ca", []string{"198.51.100.1"}},
	} {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(all[c.ca].(object)["certificate"].(string))) {
			t.Fatalf("%s is not a certificate", c.ca)
		}
		block, _ := pem.Decode([]byte(all[c.name].(object)["certificate"].(string)))
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range c.hosts {
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
				t.Errorf("%s as %s: %v", c.name, host, err)
			}
		}
	}
	// A change of the address changes those certificates, and nothing else.
	in.Infrastructure.DirectorAddress = "198.51.100.20"
	list, err := manifest.Variables(in)
	if err != nil {
		t.Fatal(err)
	}
	_, added, err := credential.Generate(t.Context(), list, all, credential.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(added) != 2 || added[0] != "director_tls" || added[1] != "mbus_tls" {
		t.Errorf("another address of the director makes %v again, want director_tls and mbus_tls", added)
	}
}
