# frozen_string_literal: true

require_relative "test_helper"

class JsonTextTest < Minitest::Test
  include TaskerWorker

  def test_integers_of_any_size_come_back_digit_by_digit
    text = '{"ids":[-9223372036854775808,18446744073709551615,123456789012345678901234567890]}'
    assert_equal text, JsonText.generate(JsonText.parse(text))
  end

  def test_lone_surrogates_survive_and_pairs_stay_characters
    {
      '"\ud800"' => '"\ud800"', '"\ud800A"' => '"\ud800A"', '"\udfffx"' => '"\udfffx"', '"\ud800\u0041"' => '"\ud800A"',
      '"\ud83d\ude9a"' => '"🚚"', '"\ud83d\ud83d\ude9a"' => '"\ud83d🚚"',
      '"\\\\ud800"' => '"\\\\ud800"', '{"\udc00":["\ud800"]}' => '{"\udc00":["\ud800"]}'
    }.each { |text, written| assert_equal written, JsonText.generate(JsonText.parse(text)) }
  end

  def test_names_such_as_proto_and_json_class_are_data
    text = '{"__proto__":{"a":1},"json_class":"String","^o":"Object"}'
    assert_equal text, JsonText.generate(JsonText.parse(text))
  end

  def test_what_has_no_json_form_is_refused_with_a_reason
    circle = {}
    circle[:self] = circle
    { circle => /contain itself/, Float::INFINITY => /Infinity/, "\xff".b => /./, "\xff" => /./, [Object.new] => /a Object has no JSON form/,
      { a: -> {} } => /a Proc has no JSON form/, Struct.new(:a).new(1) => /has no JSON form; return a hash/ }.each do |value, message|
      assert_match message, assert_raises(JsonText::NotJson, value.class.name) { JsonText.generate(value) }.message
    end
  end

  def test_values_of_the_standard_library_are_written_as_the_json_library_writes_them
    assert_equal '{"a":"b","2":[1.5,null,true]}', JsonText.generate({ a: :b, 2 => [1.5, nil, true] })
    assert_equal JSON.generate(Time.at(0)), JsonText.generate(Time.at(0))
    point = Class.new { def to_json(*) = '{"x":1}' }.new
    assert_equal '[{"x":1}]', JsonText.generate([point])
  end

  def test_nesting_is_bounded_both_ways
    assert_raises(JSON::NestingError) { JsonText.parse("[" * 600, max_nesting: 512) }
    deep = 505.times.reduce([]) { |inner, _| [inner] }
    assert_equal deep, JsonText.parse(JsonText.generate(deep))
    assert_raises(JsonText::NotJson) { JsonText.generate(20.times.reduce(deep) { |inner, _| [inner] }) }
  end

  def test_quotes_what_needs_it
    ["plain", "a\"b", "back\\slash", "Zoë", "tab\t"].each { |text| assert_equal JSON.generate(text), JsonText.quote(text) }
  end
end
