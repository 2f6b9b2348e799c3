package aws

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// HostedZone is a zone of Route 53.
type HostedZone struct {
	ID      string // "Z0123456789ABC"
	Name    string // "example.com"
	Private bool
}

// AddHostedZone adds a zone.
func (c *Cloud) AddHostedZone(z HostedZone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zones = append(c.zones, z)
}

// reversed is a name as Route 53 sorts it: "com.example.".
func reversed(name string) string {
	labels := strings.Split(strings.Trim(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

// serveRoute53 answers ListHostedZonesByName, in pages of two where the real
// ones have a hundred zones.
func (c *Cloud) serveRoute53(w http.ResponseWriter, r *http.Request, _ *wire.Call) {
	if r.Method != http.MethodGet || r.URL.Path != "/2013-04-01/hostedzonesbyname" {
		wire.Service{Protocol: wire.RESTXML}.Refuse(w, r, wire.NewRefusal(404, "UnknownOperationException", r.Method+" "+r.URL.Path))
		return
	}
	c.mu.Lock()
	zones := slices.Clone(c.zones)
	c.mu.Unlock()
	slices.SortFunc(zones, func(x, y HostedZone) int {
		return cmp.Or(cmp.Compare(reversed(x.Name), reversed(y.Name)), cmp.Compare(x.ID, y.ID))
	})
	from, id := r.URL.Query().Get("dnsname"), r.URL.Query().Get("hostedzoneid")
	zones = slices.DeleteFunc(zones, func(z HostedZone) bool {
		order := cmp.Compare(reversed(z.Name), reversed(from))
		return from != "" && (order < 0 || order == 0 && z.ID < id)
	})
	type config struct{ PrivateZone bool }
	type zone struct {
		Id, Name, CallerReference string
		Config                    config
	}
	out := struct {
		XMLName          xml.Name `xml:"ListHostedZonesByNameResponse"`
		HostedZones      []zone   `xml:"HostedZones>HostedZone"`
		DNSName          string   `xml:",omitempty"`
		IsTruncated      bool
		NextDNSName      string `xml:",omitempty"`
		NextHostedZoneId string `xml:",omitempty"`
		MaxItems         string
	}{DNSName: from, MaxItems: "2"}
	for i, z := range zones {
		if i == 2 {
			out.IsTruncated, out.NextDNSName, out.NextHostedZoneId = true, z.Name+".", z.ID
			break
		}
		out.HostedZones = append(out.HostedZones, zone{"/hostedzone/" + z.ID, z.Name + ".", "sandbox", config{z.Private}})
	}
	wire.WriteXML(w, out)
}
