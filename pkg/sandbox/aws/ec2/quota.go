package ec2

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// Instance is an instance that others run in the account.
type Instance struct {
	Type  string // "m5.large"
	Spot  bool
	State string // default "running"
}

// defaultQuotas are AWS's, by service and code. Those of vCPUs are of an account that
// has been used for a while: a new one has 5 or fewer.
var defaultQuotas = map[string]struct {
	name  string
	value float64
}{
	"ec2/L-0263D0A3": {"EC2-VPC Elastic IPs", 5},
	"vpc/L-F678F1CE": {"VPCs per Region", 5},
	"ec2/L-1216C47A": {"Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 32},
	"ec2/L-34B43A08": {"All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 32},
}

// SetQuota changes a quota, "L-1216C47A".
func (c *Compute) SetQuota(code string, value float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quotas == nil {
		c.quotas = map[string]float64{}
	}
	c.quotas[code] = value
}

// Run makes others' instances exist.
func (c *Compute) Run(instances ...Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, instances...)
}

// ServeQuotas follows the Service Quotas API reference. A quota that was never changed
// has no value of its own here, as some of the real ones.
func (c *Compute) ServeQuotas(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.JSON11}
	var q struct{ ServiceCode, QuotaCode string }
	if err := json.Unmarshal(in.Body, &q); err != nil {
		s.Refuse(w, r, wire.NewRefusal(400, "SerializationException", "the request is not a JSON object"))
		return
	}
	known, ok := defaultQuotas[q.ServiceCode+"/"+q.QuotaCode]
	c.mu.Lock()
	value, changed := c.quotas[q.QuotaCode]
	if q.QuotaCode == "L-0263D0A3" && !changed {
		value, changed = float64(c.limit), true
	}
	c.mu.Unlock()
	switch {
	case !ok, in.Action == "GetServiceQuota" && !changed:
		s.Refuse(w, r, wire.NewRefusal(400, "NoSuchResourceException", "The request failed because the specified service or quota does not exist."))
		return
	case in.Action == "GetAWSDefaultServiceQuota":
		value = known.value
	case in.Action != "GetServiceQuota":
		s.Refuse(w, r, wire.NewRefusal(400, "UnknownOperationException", in.Action))
		return
	}
	wire.WriteJSON(w, map[string]any{"Quota": map[string]any{
		"ServiceCode": q.ServiceCode, "QuotaCode": q.QuotaCode, "QuotaName": known.name, "Value": value, "Adjustable": true, "GlobalQuota": false,
	}})
}

// instanceItems has one reservation for each instance.
func (c *Compute) instanceItems(states []string) any {
	type instance struct {
		Type    string `xml:"instanceType"`
		State   string `xml:"instanceState>name"`
		Market  string `xml:"instanceLifecycle,omitempty"`
		Cores   int    `xml:"cpuOptions>coreCount"`
		Threads int    `xml:"cpuOptions>threadsPerCore"`
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	items := []any{}
	for _, i := range c.running {
		state, market := i.State, ""
		if state == "" {
			state = "running"
		}
		if i.Spot {
			market = "spot"
		}
		at := slices.IndexFunc(instanceTypes, func(t instanceType) bool { return t.name == i.Type })
		if !wants(states, state) || at < 0 {
			continue
		}
		items = append(items, struct {
			Instances []instance `xml:"instancesSet>item"`
		}{[]instance{{i.Type, state, market, max(1, instanceTypes[at].vcpus/2), min(2, instanceTypes[at].vcpus)}}})
	}
	return items
}
