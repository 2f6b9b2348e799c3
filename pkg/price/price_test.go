package price_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/price"
)

// defaults is a configuration on AWS without a setting.
func defaults(region string) *config.Config {
	return config.Defaults(&config.Config{Name: "ci", AWS: &config.AWS{Region: region}})
}

// predecessor is what concourse-up ran by default: its instance types and disks, with
// a spot worker, and the public addresses that AWS has charged for since 2024. Its disks
// were gp2, which cost more than the gp3 of the table.
var predecessor = []price.Item{
	{Name: "director", Kind: price.Instance, Type: "t3.small", Count: 1},
	{Name: "web", Kind: price.Instance, Type: "t3.small", Count: 1},
	{Name: "worker", Kind: price.Spot, Type: "m4.xlarge", Count: 1},
	{Name: "disks", Kind: price.Disk, Count: 25 + 20 + 20 + 200 + 3*5},
	{Name: "database", Kind: price.Database, Type: "db.t3.small", Count: 1},
	{Name: "database storage", Kind: price.Disk, Count: 10},
	{Name: "NAT gateway", Kind: price.NATGateway, Count: 1},
	{Name: "addresses", Kind: price.Address, Count: 3},
}

func TestMonth_defaultsCostLessThanConcourseUp(t *testing.T) {
	for _, region := range regions(t) {
		ours := price.Month(price.Items(defaults(region), nil), region)
		theirs := price.Month(predecessor, region)
		if len(ours.Unknown)+len(theirs.Unknown) > 0 || ours.Total < 50 {
			t.Errorf("%s: unknown %q %q, total %.2f", region, ours.Unknown, theirs.Unknown, ours.Total)
		}
		t.Logf("%-15s %7.2f USD (at most %.2f), concourse-up's at the same prices %.2f", region, ours.Total, ours.Most, theirs.Total)
		if ours.Total >= theirs.Total {
			t.Errorf("%s: the defaults cost %.2f USD, those of concourse-up %.2f", region, ours.Total, theirs.Total)
		}
	}
	// Its documentation said 177 USD, before AWS charged for addresses.
	e := price.Month(price.Items(defaults("us-east-1"), nil), "us-east-1")
	for _, line := range e.Lines {
		if line.Item == "addresses" {
			e.Total -= line.USD
		}
	}
	if e.Total >= 177 {
		t.Errorf("us-east-1: the defaults cost %.2f USD without their addresses", e.Total)
	}
}

// regions are those of the price table.
func regions(t *testing.T) []string {
	t.Helper()
	body, err := os.ReadFile("prices.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Regions map[string]any }
	if err := json.Unmarshal(body, &table); err != nil || len(table.Regions) < 2 {
		t.Fatalf("%d regions, %v", len(table.Regions), err)
	}
	return slices.Sorted(maps.Keys(table.Regions))
}

func TestMonth_addsUpLines(t *testing.T) {
	e := price.Month([]price.Item{
		{Name: "workers", Kind: price.Spot, Type: "m6a.xlarge", Count: 2},
		{Name: "web", Kind: price.Instance, Type: "t3.small", Count: 1},
		{Name: "web disks", Kind: price.Disk, Count: 100},
		{Name: "nothing", Kind: price.Disk},
	}, "us-east-1")
	workers := 2 * 0.1728 * 730
	want := []price.Line{
		{Item: "workers", Note: "2 × m6a.xlarge, spot at an assumed 45 % of on-demand", USD: workers * price.SpotShare, Most: workers},
		{Item: "web", Note: "1 × t3.small", USD: 0.0208 * 730, Most: 0.0208 * 730},
		{Item: "web disks", Note: "100 GiB, gp3", USD: 8, Most: 8},
	}
	if len(e.Lines) != len(want) {
		t.Fatalf("got %+v", e.Lines)
	}
	var total, most float64
	for i, line := range e.Lines {
		if line.Item != want[i].Item || line.Note != want[i].Note || !near(line.USD, want[i].USD) || !near(line.Most, want[i].Most) {
			t.Errorf("line %d is %+v, want %+v", i, line, want[i])
		}
		total, most = total+want[i].USD, most+want[i].Most
	}
	if !near(e.Total, total) || !near(e.Most, most) || e.Date == "" || e.Source == "" || e.Region != "us-east-1" || len(e.Unknown) > 0 {
		t.Errorf("got %+v", e)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 0.0001 }

func TestMonth_doesNotGuess(t *testing.T) {
	items := price.Items(defaults("eu-west-1"), nil)
	e := price.Month(items, "mx-central-1")
	if e.Total != 0 || len(e.Lines) > 0 || !slices.Equal(e.Unknown, []string{"everything in mx-central-1"}) {
		t.Errorf("a region that the table lacks: %+v", e)
	}
	c := defaults("eu-west-1")
	c.Workers.InstanceTypes = []string{"z9.huge"}
	e = price.Month(price.Items(c, nil), "eu-west-1")
	if !slices.Equal(e.Unknown, []string{"workers: z9.huge in eu-west-1"}) || e.Total <= 0 {
		t.Errorf("a type that the table lacks: %+v", e)
	}
	if _, ok := price.Hour("eu-west-1", "z9.huge"); ok {
		t.Error("it has a price")
	}
	if usd, ok := price.Hour("eu-west-1", "m6a.xlarge"); !ok || !near(usd, 0.1926) {
		t.Errorf("m6a.xlarge is %v, %t", usd, ok)
	}
}

func TestItems_followTheConfiguration(t *testing.T) {
	month := func(change func(*config.Config)) price.Estimate {
		c := defaults("us-east-1")
		change(c)
		return price.Month(price.Items(c, nil), "us-east-1")
	}
	no, yes := false, true
	base := month(func(*config.Config) {})
	for name, of := range map[string]struct {
		change func(*config.Config)
		more   float64
	}{
		"two more workers": {func(c *config.Config) { c.Workers.Count = 3 }, 2 * (0.1728*730*price.SpotShare + 205*0.08)},
		"on demand":        {func(c *config.Config) { c.Workers.Spot = &no }, 0.1728 * 730 * (1 - price.SpotShare)},
		"a second web":     {func(c *config.Config) { c.Web.Instances = 2 }, 0.0208*730 + 25*0.08},
		"a standby":        {func(c *config.Config) { c.Database.MultiZone = &yes }, 0.016*730 + 20*0.115},
		"a database on a VM": {func(c *config.Config) { c.Database.Kind, c.Database.InstanceType = "vm", "t3.small" },
			(0.0208-0.016)*730 + 35*0.08 - 20*0.115},
		"a VPC that exists":     {func(c *config.Config) { c.AWS.Network.VPC = "vpc-1" }, -(0.045 + 0.005) * 730},
		"a worker for upgrades": {func(c *config.Config) { c.Upgrade.WorkerTag = "up" }, 0.0416*730 + 55*0.08},
		"a larger disk":         {func(c *config.Config) { c.Workers.Disk = 300 }, 8},
	} {
		if got := month(of.change).Total - base.Total; !near(got, of.more) {
			t.Errorf("%s: %.4f more, want %.4f", name, got, of.more)
		}
	}
	chosen := map[string]string{"director": "m5.large", "web": "m5.xlarge", "worker": "m5.2xlarge", "database": "db.t3.small"}
	for _, item := range price.Items(defaults("us-east-1"), chosen) {
		purpose := map[string]string{"director": "director", "web": "web", "workers": "worker", "database": "database"}[item.Name]
		if item.Type != chosen[purpose] {
			t.Errorf("%s is priced as %q, want %q", item.Name, item.Type, chosen[purpose])
		}
	}
	if items := price.Items(config.Defaults(&config.Config{Name: "ci"}), nil); items != nil {
		t.Errorf("without aws: %v", items)
	}
}
