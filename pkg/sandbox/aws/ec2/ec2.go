package ec2

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// ServeEC2 follows the Amazon EC2 API reference, for the actions that look.
func (c *Compute) ServeEC2(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.EC2Query}
	var items any
	var refused *wire.Refusal
	set := ""
	switch in.Action {
	case "DescribeRegions":
		set, items = "regionInfo", c.regionItems()
	case "DescribeAvailabilityZones":
		set, items = "availabilityZoneInfo", c.zoneItems(in.Region)
	case "DescribeInstanceTypeOfferings":
		set, items = "instanceTypeOfferingSet", c.offeringItems(in.Region, filters(in.Form)["instance-type"])
	case "DescribeInstanceTypes":
		set, items = "instanceTypeSet", c.typeItems(in.Region, filters(in.Form)["instance-type"])
	case "DescribeImages":
		set, items = "imagesSet", c.imageItems(in.Region, filters(in.Form)["image-id"])
	case "DescribeSubnets":
		set = "subnetSet"
		items, refused = c.subnetItems(list(in.Form, "SubnetId"))
	case "DescribeRouteTables":
		set, items = "routeTableSet", c.tableItems(filters(in.Form)["vpc-id"])
	case "DescribeAccountAttributes":
		set, items = "accountAttributeSet", c.attributeItems()
	case "DescribeAddresses":
		set, items = "addressesSet", c.addressItems()
	case "DescribeInstances":
		set = "reservationSet"
		if ids := filters(in.Form)["instance-id"]; ids != nil {
			items = c.knownInstanceItems(in.Region, ids)
		} else {
			items = c.instanceItems(filters(in.Form)["instance-state-name"])
		}
	case "DescribeVolumes":
		set, items = "volumeSet", c.volumeItems(in.Region, filters(in.Form)["volume-id"])
	case "DescribeKeyPairs":
		set, items = "keySet", c.keyPairItems(filters(in.Form)["key-name"])
	case "DescribeVpcs":
		set, items = "vpcSet", c.vpcItems()
	default:
		refused = wire.NewRefusal(400, "InvalidAction", "The action "+in.Action+" is not valid for this web service.")
	}
	if refused != nil {
		s.Refuse(w, r, refused)
		return
	}
	writePage(w, in, set, items)
}

// writePage answers with a set, a part of it if the request wants pages.
func writePage(w http.ResponseWriter, in *wire.Call, set string, items any) {
	all, next := items.([]any), ""
	if size, err := strconv.Atoi(in.Form.Get("MaxResults")); err == nil && size > 0 {
		all, next = wire.Page(all, in.Form.Get("NextToken"), size)
	} else if in.Action == "DescribeInstanceTypeOfferings" || in.Action == "DescribeInstanceTypes" {
		all, next = wire.Page(all, in.Form.Get("NextToken"), 5) // real pages have 100 items at most
	}
	type itemSet struct {
		XMLName xml.Name
		Item    []any `xml:"item"`
	}
	wire.WriteXML(w, struct {
		XMLName   xml.Name
		RequestId string `xml:"requestId"`
		Set       itemSet
		NextToken string `xml:"nextToken,omitempty"`
	}{XMLName: xml.Name{Local: in.Action + "Response"}, RequestId: wire.RequestID, Set: itemSet{XMLName: xml.Name{Local: set}, Item: all}, NextToken: next})
}

// filters are the request's filters: Filter.1.Name, Filter.1.Value.1, …
func filters(form url.Values) map[string][]string {
	found := map[string][]string{}
	for i := 1; form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		found[form.Get(fmt.Sprintf("Filter.%d.Name", i))] = list(form, fmt.Sprintf("Filter.%d.Value", i))
	}
	return found
}

// list is a list of the query protocol: NAME.1, NAME.2, …
func list(form url.Values, name string) []string {
	found := []string{}
	for i := 1; form.Has(fmt.Sprintf("%s.%d", name, i)); i++ {
		found = append(found, form.Get(fmt.Sprintf("%s.%d", name, i)))
	}
	return found
}

// wants says whether a filter lets a value through; an absent one lets all.
func wants(filter []string, value string) bool {
	return filter == nil || slices.Contains(filter, value)
}

func (c *Compute) regionItems() any {
	items := []any{}
	for _, name := range wire.Sorted(regions) {
		status := "opt-in-not-required"
		if regions[name].optIn {
			status = "not-opted-in"
			if c.RegionEnabled(name) {
				status = "opted-in"
			}
		}
		items = append(items, struct {
			Name   string `xml:"regionName"`
			Host   string `xml:"regionEndpoint"`
			Status string `xml:"optInStatus"`
		}{name, "ec2." + name + ".amazonaws.com", status})
	}
	return items
}

func (c *Compute) zoneItems(region string) any {
	items := []any{}
	for i, name := range c.zonesOf(region) {
		items = append(items, struct {
			Name   string `xml:"zoneName"`
			ID     string `xml:"zoneId"`
			State  string `xml:"zoneState"`
			Region string `xml:"regionName"`
			Kind   string `xml:"zoneType"`
			Status string `xml:"optInStatus"`
		}{name, zoneID(region, i), "available", region, "availability-zone", "opt-in-not-required"})
	}
	return items
}

func (c *Compute) offeringItems(region string, wanted []string) any {
	items := []any{}
	for _, t := range instanceTypes {
		for _, zone := range c.zonesOf(region) {
			if wants(wanted, t.name) && c.offered(region, zone, t.name) {
				items = append(items, struct {
					Type string `xml:"instanceType"`
					Kind string `xml:"locationType"`
					Zone string `xml:"location"`
				}{t.name, "availability-zone", zone})
			}
		}
	}
	return items
}

func (c *Compute) typeItems(region string, wanted []string) any {
	items := []any{}
	for _, t := range instanceTypes {
		inRegion := slices.ContainsFunc(c.zonesOf(region), func(zone string) bool { return c.offered(region, zone, t.name) })
		if !wants(wanted, t.name) || !inRegion {
			continue
		}
		hypervisor := "xen"
		if t.nitro {
			hypervisor = "nitro"
		}
		items = append(items, struct {
			Name       string   `xml:"instanceType"`
			Burstable  bool     `xml:"burstablePerformanceSupported"`
			Hypervisor string   `xml:"hypervisor"`
			VCPUs      int      `xml:"vCpuInfo>defaultVCpus"`
			MiB        int      `xml:"memoryInfo>sizeInMiB"`
			Arch       []string `xml:"processorInfo>supportedArchitectures>item"`
		}{t.name, t.burstable, hypervisor, t.vcpus, t.mib, []string{t.arch}})
	}
	return items
}

func (c *Compute) imageItems(region string, wanted []string) any {
	items := c.knownImageItems(region, wanted)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.options.Images {
		if region == c.options.Region && wants(wanted, id) {
			items = append(items, struct {
				ID    string `xml:"imageId"`
				State string `xml:"imageState"`
			}{id, "available"})
		}
	}
	return items
}
