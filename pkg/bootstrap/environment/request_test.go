package environment

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// The keys of the installer end with its session: create-env keeps no digest of them, and
// none is in the manifest.
func TestRequest_hasTheInstallersKeysForOneRun(t *testing.T) {
	c, err := config.Parse("perpetual.yml", []byte("name: ci\naws: {region: eu-central-1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := Request(manifest.Input{
		Config: config.Defaults(c),
		Infrastructure: manifest.Infrastructure{Region: "eu-central-1", CIDR: "10.0.0.0/16", DirectorIP: "10.0.0.6", Zones: []manifest.Zone{
			{Name: "eu-central-1a", PublicSubnet: "subnet-0a", PrivateSubnet: "subnet-0b", PublicCIDR: "10.0.0.0/24", PrivateCIDR: "10.0.16.0/20"},
		}},
		Installer: manifest.Installer{AccessKey: secret.New("AKIA-installer"), SecretKey: secret.New("installer-s3cret")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(request.Manifest), "installer-s3cret") {
		t.Error("a key is in the manifest")
	}
	given := 0
	for name := range request.Vars {
		is := strings.HasPrefix(name, manifest.InstallerPrefix)
		if slices.Contains(request.Transient, name) != is {
			t.Errorf("%s is for one run alone: %t", name, !is)
		}
		if is {
			given++
		}
	}
	if given == 0 {
		t.Error("it has no key")
	}
}
