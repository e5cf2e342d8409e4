# -*- coding: utf-8 -*-
"""Which encoding is taken for the one of a text, on a table of texts in many of them."""

from __future__ import absolute_import, unicode_literals

import sys

import pytest

from datarobot_batch_scoring.dataset import encodings
from datarobot_batch_scoring.errors import UsageError

SPANISH = ('María Muñoz,Málaga,habitación luminosa', 'José Peña,Cádiz,cerca de la estación',
           'Iñaki Núñez,A Coruña,baño pequeño', 'Sofía Gómez,León,no está aquí',
           'Ángel Ibáñez,Logroño,la niña comió jamón', 'Belén Rodríguez,Jaén,mañana será otro día')
GERMAN = ('Jürgen Müller,München,schöne Küche', 'Käthe Groß,Köln,nahe dem Bahnhof, ruhig, Südseite',
          'Björn Schäfer,Düsseldorf,große Fenster', 'Jörg Weiß,Nürnberg,für Gäste geöffnet',
          'Günter Böhm,Lübeck,Straße gesperrt', 'Änne Krüger,Würzburg,zwölf Stühle übrig')
FRENCH = ('Hélène Lefèvre,Besançon,café à côté', 'François Côté,Orléans,très bien situé',
          'Zoé Béranger,Nîmes,fenêtre cassée', 'Jérôme Dupré,Sète,déjà loué cet été',
          'Gaëlle Noël,Béziers,le garçon a été payé', 'Andrée Mäder,Évreux,près de la forêt')
NORDIC = ('Åse Sørensen,Tromsø,på øya', 'Bjørn Håkonsen,Ålesund,første etasje',
          'Søren Jørgensen,Køge,nær ved åen', 'Jan Sjöberg,Göteborg,två små rum på våning ett',
          'Kåre Bø,Bodø,ikke så dårlig', 'Märta Öberg,Malmö,hörnlägenhet nära sjön')
POLISH = ('Łukasz Wiśniewski,Łódź,świetna okolica', 'Małgorzata Wójcik,Poznań,duży pokój',
          'Paweł Dąbrowski,Kraków,łazienka po remoncie', 'Józef Żak,Gdańsk,blisko dworca, część',
          'Zofia Kamińska,Wrocław,mieszkanie sprzedaję', 'Stanisław Piątek,Rzeszów,już zajęte')
CZECH = ('Jiří Dvořák,Plzeň,světlý byt', 'Věra Nováková,České Budějovice,blízko nádraží',
         'Tomáš Černý,Brno,příliš žluťoučký kůň', 'Zdeněk Růžička,Třebíč,kuchyň je malá',
         'Šárka Veselá,Olomouc,téměř nový dům', 'Ondřej Šťastný,Děčín,čtvrté poschodí')
HUNGARIAN = ('László Kovács,Győr,fűtés nélkül', 'Erzsébet Tóth,Székesfehérvár,jó környék',
             'Zoltán Szűcs,Debrecen,közel a főúthoz', 'György Kőszegi,Pécs,új bútorok',
             'Eszter Vörös,Szentendre,üres szobák', 'István Fülöp,Hódmezővásárhely,két erkély')
RUSSIAN = ('Иван Петров,Москва,хорошая квартира', 'Мария Иванова,Санкт-Петербург,рядом с метро',
           'Алексей Смирнов,Казань,третий этаж', 'Ольга Кузнецова,Новосибирск,новый дом',
           'Сергей Попов,Екатеринбург,без мебели', 'Наталья Соколова,Самара,окна во двор')
UKRAINIAN = ('Олексій Шевченко,Київ,гарна квартира', 'Марія Коваленко,Львів,біля вокзалу',
             'Юлія Бондаренко,Харків,третій поверх', 'Андрій Ткаченко,Одеса,новий будинок',
             'Євген Їжакевич,Чернівці,її ще немає', 'Наталія Кравчук,Вінниця,вікна у двір')
GREEK = ('Γιώργος Παπαδόπουλος,Αθήνα,καλό σπίτι', 'Μαρία Νικολάου,Θεσσαλονίκη,κοντά στο κέντρο',
         'Κώστας Δημητρίου,Πάτρα,τρίτος όροφος', 'Ελένη Γεωργίου,Ηράκλειο,καινούργια κουζίνα',
         'Νίκος Ιωάννου,Λάρισα,χωρίς έπιπλα', 'Άννα Βασιλείου,Βόλος,ήσυχη γειτονιά')
TURKISH = ('Ayşe Yılmaz,İstanbul,güneşli oda', 'Mehmet Çelik,Eskişehir,deniz kenarında ev',
           'Gülşen Öztürk,Muğla,üçüncü kat', 'Hüseyin Şahin,Diyarbakır,yeni yapılmış mutfak',
           'Çağrı Doğan,Kırşehir,eşyasız', 'Işıl Güneş,Iğdır,bahçesi büyük ve sessiz')
HEBREW = ('דוד כהן,תל אביב,דירה יפה', 'שרה לוי,ירושלים,קרוב לתחנה', 'יוסף מזרחי,חיפה,קומה שלישית',
          'רחל פרץ,באר שבע,מטבח חדש', 'משה ביטון,נתניה,בלי ריהוט', 'מרים אברהם,אשדוד,רחוב שקט')
ARABIC = ('محمد أحمد,القاهرة,شقة جميلة', 'فاطمة علي,الرياض,قريب من المحطة', 'خالد حسن,بغداد,الطابق الثالث',
          'مريم إبراهيم,عمان,مطبخ جديد', 'يوسف محمود,دمشق,بدون أثاث', 'عائشة سعيد,الدار البيضاء,شارع هادئ')
THAI = ('สมชาย ใจดี,กรุงเทพ,ห้องสวย', 'สมหญิง รักไทย,เชียงใหม่,ใกล้สถานี', 'วิชัย ศรีสุข,ภูเก็ต,ชั้นสาม',
        'มาลี ทองคำ,ขอนแก่น,ครัวใหม่', 'ประเสริฐ แสงทอง,นครราชสีมา,ไม่มีเฟอร์นิเจอร์', 'สุดา บุญมี,ชลบุรี,ถนนเงียบ')
LITHUANIAN = ('Jonas Žukauskas,Šiauliai,šviesus butas', 'Eglė Šimkutė,Panevėžys,arti stoties',
              'Rūta Kazlauskaitė,Alytus,trečias aukštas', 'Vytautas Čepas,Telšiai,naujas namas už upės',
              'Živilė Jankauskienė,Mažeikiai,be baldų', 'Mindaugas Grybė,Klaipėda,rami gatvė mieste')
JAPANESE = ('佐藤 花子,東京都新宿区,明るい部屋です', '鈴木 一郎,大阪市,駅から近い', '高橋 健太,札幌市,三階の角部屋',
            '田中 美咲,横浜市,新しいキッチン', '渡辺 翔,名古屋市,家具なし', '山本 さくら,京都市左京区,静かな通り')
CHINESE = ('王小明,北京市朝阳区,房间很明亮', '李娜,上海市,离车站很近', '张伟,广州市天河区,三楼的房子',
           '刘洋,深圳市,新的厨房', '陈静,成都市,没有家具', '杨帆,南京市鼓楼区,安静的街道')
TAIWANESE = ('陳小明,台北市信義區,房間很明亮', '林美玲,高雄市,離車站很近', '黃志偉,台中市,三樓的房子',
             '張雅婷,新北市板橋區,新的廚房', '李建國,台南市,沒有家具', '王淑芬,新竹市,安靜的街道')
KOREAN = ('김민수,서울특별시 강남구,밝은 방입니다', '이영희,부산광역시,역에서 가까움', '박지훈,대구광역시,삼층 집',
          '최수진,인천광역시,새로운 부엌', '정우성,광주광역시,가구 없음', '강은영,대전광역시,조용한 거리')


def fits(words, encoding):
    try:
        return words.encode(encoding).decode(encoding) == words
    except UnicodeError:
        return False


TABLE = [(encoding, [each for each in texts if fits(each, encoding)]) for encoding, several in (
    ('cp1252', (SPANISH, GERMAN, FRENCH, NORDIC)), ('iso8859-15', (FRENCH, GERMAN)),
    ('cp1250', (POLISH, CZECH, HUNGARIAN)), ('iso8859-2', (POLISH, CZECH, HUNGARIAN)),
    ('cp852', (POLISH, CZECH)), ('cp1251', (RUSSIAN, UKRAINIAN)), ('koi8-r', (RUSSIAN,)),
    ('koi8-u', (UKRAINIAN,)), ('cp866', (RUSSIAN,)), ('iso8859-5', (RUSSIAN,)),
    ('mac-cyrillic', (RUSSIAN,)), ('cp1253', (GREEK,)), ('iso8859-7', (GREEK,)),
    ('cp1254', (TURKISH,)), ('cp1255', (HEBREW,)), ('cp1256', (ARABIC,)), ('cp1257', (LITHUANIAN,)),
    ('cp874', (THAI,)), ('cp932', (JAPANESE,)), ('euc_jp', (JAPANESE,)), ('gb18030', (CHINESE,)),
    ('gbk', (CHINESE,)), ('big5', (TAIWANESE,)), ('cp949', (KOREAN,)), ('euc_kr', (KOREAN,)),
    ('cp437', (SPANISH, GERMAN, FRENCH)), ('cp850', (SPANISH, GERMAN, FRENCH, NORDIC)),
    ('mac-roman', (SPANISH, GERMAN, FRENCH, NORDIC))) for texts in several]
SIZES = 2, 30, 3000


# What other codecs read as a short word, or with an apostrophe within.
SHORT_WORDS = [
    ('cp437', ('Hürlimann,5 µm,20 °C', 'Kälin,£ 5,n° 3')), ('cp850', ('Antúnez,20 m²,20 °C', 'Velázquez,5 µm,3 × 4')),
    ('cp437', ('Salmerón', 'Teófila')), ('iso8859-15', ('Altstätten,5 µm', 'Südafrika,n° 5')),
    ('mac-roman', ('Sólveig,£ 5', 'Jón,20 °C')), ('cp932', ('東京都,￡ 5', '明るい部屋です')),
    ('shift_jis', ('東京都,£ 5', '明るい部屋です'))]


def dataset(texts, rows, every):
    """A dataset with one of these texts in each `every`th row, and else ASCII."""
    return 'id,name,city,note\n' + ''.join('{0},{1}\n'.format(row, (
        texts[row // every % len(texts)] if row % every == 0 else 'Ann Smith,Boston,two rooms'))
        for row in range(rows))


def outcome(content, encoding):
    data = content.encode(encoding)
    try:
        found, guessed = encodings.detect(data, 'data.csv', True)
    except UsageError:
        return 'refused'
    assert guessed
    return 'right' if data.decode(found) == content else 'wrong'


@pytest.fixture(scope='module')
def outcomes():
    """[(encoding, rows, outcome)] of the whole table."""
    return [(encoding, rows, outcome(dataset(texts, rows, every), encoding))
            for encoding, texts in TABLE for rows in SIZES for every in (1, 20)]


def test_no_text_is_taken_for_another(outcomes):
    assert [each for each in outcomes if each[2] == 'wrong'] == []


def test_three_texts_in_four_are_read_right(outcomes):
    right = [each for each in outcomes if each[2] == 'right']
    assert 4 * len(right) >= 3 * len(outcomes)


@pytest.mark.parametrize('encoding', sorted({encoding for encoding, _ in TABLE}))
def test_of_each_encoding_half_the_long_texts_are_read_right(outcomes, encoding):
    long_ones = [each for each in outcomes if each[:2] == (encoding, 3000)]
    assert 2 * long_ones.count((encoding, 3000, 'right')) >= len(long_ones)


@pytest.mark.parametrize('words', [
    '20 °C', '20 m²', 'Peña', 'café à côté', 'München', '€ 20', 'naïve', '“fine”', 'it’s', 'è', 'È vero',
    'perché è così', 'Nº 5', '5 µm', '½', 'Ñ', 'ÅÄÖ', '£ 20', '2010–2015', '¿Qué?', 'Škoda', 'Reahûs'])
def test_a_few_words_of_western_europe_are_never_read_as_others(words):
    for rows in (1, 2, 30, 300):
        content = 'id,note\n' + ''.join('{0},{1}\n'.format(row, words) for row in range(rows))
        assert outcome(content, 'cp1252') in ('right', 'refused')


@pytest.mark.parametrize('encoding, texts', SHORT_WORDS)
def test_a_sign_or_a_short_word_is_never_read_as_another(encoding, texts):
    texts = [each for each in texts if fits(each, encoding)]
    for rows in (2, 30):
        assert outcome(dataset(texts, rows, 1), encoding) in ('right', 'refused')


@pytest.mark.parametrize('encoding', ['cp1258', 'johab', 'iso8859-3', 'cp500'])
def test_an_encoding_that_is_not_known_is_refused(encoding):
    texts = {'johab': KOREAN, 'cp1258': ('Đường Nguyễn,Hà Nội',) * 6}.get(encoding, ('Ħaż-Żebbuġ,Għarb',) * 6)
    if encoding == 'cp500':
        texts = SPANISH
    data = dataset(texts, 30, 1).encode(encoding, 'ignore')
    with pytest.raises(UsageError):
        encodings.detect(data, 'data.csv', True)


@pytest.mark.parametrize('words', [
    '20 °C', 'García', 'привет'])
def test_text_that_is_utf_8_but_for_a_few_bytes_is_utf_8(words):
    data = dataset((words,), 100, 1).encode('utf-8')
    for bad in (b'caf\xe9', b'\xed\xa0\xbd\xed\xb8\x80', b'\xff\xfe', b'\xc3'):
        for place in (1, 50, 99):
            lines = data.split(b'\n')
            lines[place] += bad
            assert encodings.detect(b'\n'.join(lines), 'data.csv', True) == ('utf-8', False)


def test_ascii_is_no_evidence_for_utf_8():
    content = dataset(SPANISH, 3000, 20)
    assert not encodings.mostly_utf_8(content.encode('cp1252'))
    assert not encodings.mostly_utf_8(b'id\n' * 3000 + b'caf\xc3\xa9\ncaf\xe9\n')


def test_a_character_that_the_sample_cuts_in_two_is_no_fault():
    data = dataset(JAPANESE, 300, 1).encode('cp932')
    assert {encodings.detect(data[:size], 'data.csv', False)[0] for size in range(3000, 3010)} == {
        'cp932'}


def test_utf_8_costs_no_import_of_a_detector(monkeypatch):
    monkeypatch.setitem(sys.modules, 'chardet', None)
    assert encodings.detect('id\nMalmö\n'.encode('utf-8'), 'data.csv', True) == ('utf-8', False)
    assert encodings.detect(dataset(RUSSIAN, 30, 1).encode('koi8-r'), 'data.csv', True) == (
        'koi8-r', True)


def test_what_no_codec_is_sure_of_is_shown_as_each_reads_it():
    with pytest.raises(UsageError) as raised:
        encodings.detect('id,note\n1,plain\n2,Peña\n'.encode('cp1252'), 'data.csv', True)
    assert raised.value.message == 'The encoding of data.csv cannot be detected.'
    assert raised.value.detail.startswith("Line 3 could be '2,Peña' (cp1252), ")
    assert "'2,Peńa' (cp1250)" in raised.value.detail
    assert raised.value.hint == 'Set --encoding to the one that reads it correctly.'


def test_the_line_that_is_shown_tells_the_likeliest_codecs_apart():
    # In line 2 cp1250 and cp1252 are alike, and whoever picks cp1250 there gets 'A Coruńa'.
    with pytest.raises(UsageError) as raised:
        encodings.detect('id,city\n1,München\n2,Köln\n3,A Coruña\n4,Málaga\n'.encode('cp1252'),
                         'data.csv', True)
    assert raised.value.detail.startswith('Line 4 could be ')
    assert "'3,A Coruña' (" in raised.value.detail
    assert "'3,A Coruńa' (cp1250)" in raised.value.detail


def test_a_long_line_is_shown_around_what_is_not_ascii():
    with pytest.raises(UsageError) as raised:
        encodings.detect(b'id,note\n1,' + b'a' * 5000 + b'\xf1' + b'b' * 5000 + b'\n', 'data.csv', True)
    assert 'añb' in raised.value.detail and len(raised.value.detail) < 400
