// Thermal zones of a phone, a laptop and a virtual machine.
#include "platform/thermal.h"

#include "platform/test_folder.h"

namespace etb {
namespace {

class Zones : public ::testing::Test {
 protected:
  void zone(int index, const std::string& type, const std::string& temperature) {
    write(index, "type", type + "\n");
    write(index, "temp", temperature + "\n");
  }
  void trip(int index, int number, const std::string& type, const std::string& temperature) {
    const std::string name = "trip_point_" + std::to_string(number);
    write(index, name + "_type", type + "\n");
    write(index, name + "_temp", temperature + "\n");
  }
  ThermalZones find() { return ThermalZones::find(root_.path()); }

  TestFolder root_;

 private:
  void write(int index, const std::string& name, const std::string& text) {
    root_.write("sys/class/thermal/thermal_zone" + std::to_string(index) + "/" + name, text);
  }
};

TEST_F(Zones, AVirtualMachineHasNothingToSay) {
  EXPECT_EQ(find().count(), 0U);
  EXPECT_FALSE(find().hottest().has_value());
}

TEST_F(Zones, TheOneClosestToItsOwnLimitCounts) {
  zone(0, "cpu-big-thermal", "71000");
  trip(0, 0, "passive", "85000");
  trip(0, 1, "hot", "105000");
  trip(0, 2, "critical", "115000");
  zone(1, "skin-therm", "38000");
  trip(1, 0, "active", "30000");
  trip(1, 1, "passive", "43000");
  zone(4, "gpu-thermal", "60000");  // numbers have gaps
  trip(4, 0, "hot", "95000");
  const auto hottest = find().hottest();
  ASSERT_TRUE(hottest.has_value());
  EXPECT_EQ(hottest->zone, "skin-therm");
  EXPECT_EQ(hottest->temperature, 38000);
  EXPECT_EQ(hottest->throttle, 43000);
  EXPECT_EQ(hottest->headroom(), 5000);
  EXPECT_EQ(find().count(), 3U);
}

TEST_F(Zones, TemperaturesAreReadAnewTripsAreNot) {
  zone(0, "soc", "50000");
  trip(0, 0, "passive", "80000");
  const ThermalZones zones = find();
  EXPECT_EQ(zones.hottest()->headroom(), 30000);
  zone(0, "soc", "83000");
  EXPECT_EQ(zones.hottest()->headroom(), -3000);
}

TEST_F(Zones, ALaptopThatOnlyNamesItsEndSlowsDownBefore) {
  zone(0, "acpitz", "60000");
  trip(0, 0, "critical", "100000");
  EXPECT_EQ(find().hottest()->throttle, 90000);
}

TEST_F(Zones, WhatFewerThreadsWouldNotCoolIsLeftOut) {
  for (const char* type : {"battery", "BAT_therm", "charger_skin", "iwlwifi_1", "usb-conn"}) {
    zone(0, type, "44000");
    trip(0, 0, "passive", "45000");
    EXPECT_EQ(find().count(), 0U) << type;
  }
}

TEST_F(Zones, SensorsThatAreOffAreNotRead) {
  zone(0, "cpu0", "-274000");
  trip(0, 0, "passive", "80000");
  zone(1, "cpu1", "2147483647");
  trip(1, 0, "passive", "80000");
  zone(2, "cpu2", "");
  trip(2, 0, "passive", "80000");
  EXPECT_FALSE(find().hottest().has_value());
  zone(3, "cpu3", "40000");
  trip(3, 0, "passive", "80000");
  EXPECT_EQ(find().hottest()->zone, "cpu3");
}

TEST_F(Zones, TripsThatAreNotSetAreNone) {
  zone(0, "x86_pkg_temp", "50000");
  trip(0, 0, "passive", "0");
  trip(0, 1, "passive", "-274000");
  EXPECT_EQ(find().count(), 0U);
  zone(1, "cpu", "50000");  // several of a kind: the lowest
  trip(1, 0, "passive", "95000");
  trip(1, 1, "passive", "75000");
  EXPECT_EQ(find().hottest()->throttle, 75000);
}

}  // namespace
}  // namespace etb
