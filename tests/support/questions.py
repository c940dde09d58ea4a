"""Questions by language, for who must not mistake one language for another."""

ENGLISH = """How do I cancel my order?
reset my password
Kann and Husserl were philosophers: what did they disagree about?
what's the weather like in Łódź and in Düsseldorf today
Is it die or dice? I want to roll one die
Translate "good evening" into Norwegian
How far is Reykjavík from Þingvellir?
Who wrote La vida es sueño?
flights from Los Angeles to San Francisco
best restaurants near El Paso
Summarize the plot of Les Misérables in three sentences
What does the German word Schadenfreude mean?
How long does it take to drive from São Paulo to Rio de Janeiro?
Did Đoković beat Świątek's coach?
What is a resumé, and is a café au lait better than a crème brûlée?
python list comprehension
kubectl get pods -n kube-system returns nothing
nginx ingress timeout
SELECT name FROM users WHERE id = 42
void main(int argc, char **argv) { std::vector<int> v; v.push_back(1); }
Explain en passant, zugzwang and the Sicilian in chess
ai assistant
goodbye
ok
thx u r gr8
pls halp me w/ my acct
Why did Simón Bolívar leave Caracas?
List the members of the band Die Ärzte
does my plan cover Zürich, München and Köln?
Convert 20 µm to nm
what is the α decay of uranium
Tell me about Antonín Dvořák, Bedřich Smetana and Leoš Janáček
how much is 50 EUR in Polish złoty and in Czech koruna
I'd like my steak à la carte, please
coq au vin recipe
What is the population of Côte d'Ivoire?
Compare pad thai with pho
who is Van Gogh
Can I pay by SEPA, iDEAL or Klarna?
tarjeta is Spanish for what?
do they speak Te Reo in Aotearoa
immediately call Tom
What is the difference between ser and estar in Spanish?
Show me CSS for a div that is centred
error: cannot find symbol, variable ArrayList
card declined at IKEA in Malmö
What time does El Clásico begin?
how to say thank you in Japanese
Where was Beyoncé born?
define hygge""".splitlines()

FOREIGN = {
    "de": """Wie kann ich meine Bestellung stornieren?
Passwort zurücksetzen
Was ist die Hauptstadt von Australien?
Wie lange dauert der Versand nach Berlin?
Ich möchte meine Adresse ändern
Warum wurde meine Karte abgelehnt?
Schreibe eine E-Mail an den Kundendienst und bitte um eine Rückerstattung.""",
    "fr": """Comment puis-je annuler ma commande ?
réinitialiser le mot de passe
Quelle est la capitale de l'Australie ?
Combien de temps prend la livraison à Paris ?
Je voudrais changer mon adresse
Pourquoi ma carte a-t-elle été refusée ?
Écris un courriel au service client pour demander un remboursement.""",
    "es": """¿Cómo puedo cancelar mi pedido?
restablecer contraseña
¿Cuál es la capital de Australia?
cuanto tarda el envio a Madrid
Quiero cambiar mi dirección
¿Por qué rechazaron mi tarjeta?
Escribe un correo al servicio de atención al cliente pidiendo un reembolso.""",
    "pt": """Como posso cancelar o meu pedido?
redefinir senha da minha conta
Qual é a capital da Austrália?
Quanto tempo demora a entrega em Lisboa?
Quero mudar o meu endereço
Por que meu cartão foi recusado?
Escreva um e-mail para o atendimento ao cliente pedindo um reembolso.""",
    "it": """Come posso annullare il mio ordine?
reimpostare la password
Qual è la capitale dell'Australia?
Quanto tempo ci vuole per la spedizione a Roma?
Vorrei cambiare il mio indirizzo
Perché la mia carta è stata rifiutata?
Scrivi una e-mail al servizio clienti per chiedere un rimborso.""",
    "nl": """Hoe kan ik mijn bestelling annuleren?
wachtwoord opnieuw instellen voor mijn account
Wat is de hoofdstad van Australië?
Hoe lang duurt de levering naar Amsterdam?
Ik wil mijn adres wijzigen
Waarom is mijn kaart geweigerd?
Schrijf een e-mail aan de klantenservice en vraag om een terugbetaling.""",
    "sv": """Hur avbokar jag min beställning?
återställa mitt lösenord
Vad är Australiens huvudstad?
Hur lång tid tar leveransen till Stockholm?
Jag vill ändra min adress
Varför nekades mitt kort?
Skriv ett mejl till kundtjänst och be om återbetalning.""",
    "da": """Hvordan annullerer jeg min ordre?
nulstil min adgangskode
Hvad er hovedstaden i Australien?
Hvor lang tid tager leveringen til København?
Jeg vil gerne ændre min adresse
Hvorfor blev mit kort afvist?
Skriv en e-mail til kundeservice og bed om pengene tilbage.""",
    "nb": """Hvordan kan jeg avbestille ordren min?
tilbakestill passordet mitt
Hva er hovedstaden i Australia?
Hvor lang tid tar leveringen til Oslo?
Jeg vil endre adressen min
Hvorfor ble kortet mitt avvist?
Skriv en e-post til kundeservice og be om refusjon.""",
    "fi": """Miten voin peruuttaa tilaukseni?
salasanan palauttaminen ei toimi
Mikä on Australian pääkaupunki?
Kuinka kauan toimitus Helsinkiin kestää?
Haluan vaihtaa osoitteeni
Miksi korttini hylättiin?
Kirjoita asiakaspalveluun sähköposti ja pyydä hyvitystä.""",
    "et": """Kuidas ma saan oma tellimuse tühistada?
lähtesta minu parool
Mis on Austraalia pealinn?
Kui kaua võtab aega tarne Tallinnasse?
Ma soovin oma aadressi muuta
Miks mu kaart tagasi lükati?""",
    "pl": """Jak mogę anulować zamówienie?
zresetować hasło
Jaka jest stolica Australii?
Ile trwa dostawa do Warszawy?
Chcę zmienić mój adres
Dlaczego moja karta została odrzucona?
Napisz e-mail do obsługi klienta z prośbą o zwrot pieniędzy.""",
    "cs": """Jak mohu zrušit svou objednávku?
obnovit heslo
Jaké je hlavní město Austrálie?
Jak dlouho trvá doručení do Prahy?
Chci změnit svou adresu
Proč byla moje karta odmítnuta?
Napište e-mail zákaznickému servisu a požádejte o vrácení peněz.""",
    "hu": """Hogyan tudom lemondani a rendelésemet?
jelszó visszaállítása
Mi Ausztrália fővárosa?
Mennyi ideig tart a szállítás Budapestre?
Szeretném megváltoztatni a címemet
Miért utasították el a kártyámat?
Írj egy e-mailt az ügyfélszolgálatnak, és kérj visszatérítést.""",
    "ro": """Cum îmi pot anula comanda?
resetează parola contului meu
Care este capitala Australiei?
Cât durează livrarea la București?
Vreau să îmi schimb adresa
De ce mi-a fost refuzat cardul?
Scrie un e-mail către serviciul clienți și cere banii înapoi.""",
    "hr": """Kako mogu otkazati narudžbu?
poništi moju lozinku
Koji je glavni grad Australije?
Koliko traje dostava do Zagreba?
Želim promijeniti svoju adresu
Zašto je moja kartica odbijena?""",
    "lt": """Kaip galiu atšaukti savo užsakymą?
atstatyti slaptažodį
Kokia yra Australijos sostinė?
Kiek laiko trunka pristatymas į Vilnių?
Noriu pakeisti savo adresą
Kodėl mano kortelė buvo atmesta?""",
    "tr": """Siparişimi nasıl iptal edebilirim?
şifremi sıfırla
Avustralya'nın başkenti neresidir?
İstanbul'a teslimat ne kadar sürer?
Adresimi değiştirmek istiyorum
Kartım neden reddedildi?
Müşteri hizmetlerine bir e-posta yaz ve para iadesi iste.""",
    "vi": """Làm thế nào để hủy đơn hàng của tôi?
đặt lại mật khẩu
Thủ đô của Úc là gì?
Giao hàng đến Hà Nội mất bao lâu?
Tôi muốn thay đổi địa chỉ
Tại sao thẻ của tôi bị từ chối?
Viết thư cho bộ phận chăm sóc khách hàng để yêu cầu hoàn tiền.""",
    "id": """Bagaimana cara membatalkan pesanan saya?
atur ulang kata sandi saya
Apa ibu kota Australia?
Berapa lama pengiriman ke Jakarta?
Saya ingin mengubah alamat saya
Mengapa kartu saya ditolak?
Tulis email ke layanan pelanggan untuk meminta pengembalian dana.""",
    "tl": """Paano ko kakanselahin ang aking order?
Ano ang kabisera ng Australia?
Gaano katagal ang paghahatid sa Maynila?
Gusto kong palitan ang aking tirahan
Bakit tinanggihan ang card ko?""",
    "sw": """Ninawezaje kughairi agizo langu?
Mji mkuu wa Australia ni upi?
Nataka kubadilisha anwani yangu
Kwa nini kadi yangu ilikataliwa?""",
    "hi-Latn": """mera order kaise cancel kare
mujhe apna password change karna hai""",
    "ru-Latn": """kak otmenit zakaz
gde moya posylka""",
    "zh-Latn": """wo xiang quxiao dingdan
zenme xiugai dizhi""",
    "ja-Latn": """chuumon o kyanseru shitai desu""",
    "ru": """Как мне отменить заказ?
сбросить пароль
Какая столица Австралии?""",
    "uk": """Як мені скасувати замовлення?
скинути пароль""",
    "el": """Πώς μπορώ να ακυρώσω την παραγγελία μου;
Ποια είναι η πρωτεύουσα της Αυστραλίας;""",
    "he": """איך אני מבטל את ההזמנה שלי?
מהי בירת אוסטרליה?""",
    "ar": """كيف يمكنني إلغاء طلبي؟
ما هي عاصمة أستراليا؟""",
    "fa": """چگونه سفارشم را لغو کنم؟
پایتخت استرالیا کجاست؟""",
    "hi": """मैं अपना ऑर्डर कैसे रद्द करूं?
ऑस्ट्रेलिया की राजधानी क्या है?""",
    "bn": """আমি কীভাবে আমার অর্ডার বাতিল করব?
অস্ট্রেলিয়ার রাজধানী কী?""",
    "ta": """எனது ஆர்டரை எப்படி ரத்து செய்வது?
ஆஸ்திரேலியாவின் தலைநகரம் எது?""",
    "th": """ฉันจะยกเลิกคำสั่งซื้อได้อย่างไร
ฉันจะเปลี่ยนที่อยู่ได้อย่างไร""",
    "am": """ትዕዛዜን እንዴት መሰረዝ እችላለሁ?
አድራሻዬን እንዴት መቀየር እችላለሁ?""",
    "my": """ကျွန်ုပ်၏အော်ဒါကို ဘယ်လိုဖျက်ရမလဲ။
ကျွန်ုပ်၏လိပ်စာကို ဘယ်လိုပြောင်းရမလဲ။""",
    "km": """តើខ្ញុំអាចបោះបង់ការបញ្ជាទិញដោយរបៀបណា?
តើខ្ញុំអាចប្តូរអាសយដ្ឋានដោយរបៀបណា?""",
    "lo": """ຂ້ອຍຈະຍົກເລີກຄຳສັ່ງຊື້ໄດ້ແນວໃດ""",
    "zh": """如何取消我的订单？
怎么修改地址""",
    "ja": """注文をキャンセルするにはどうすればいいですか？
住所を変更したい""",
    "ko": """주문을 어떻게 취소하나요?
주소를 변경하고 싶어요""",
    "ka": """როგორ გავაუქმო ჩემი შეკვეთა?""",
    "hy": """Ինչպե՞ս չեղարկել իմ պատվերը""",
    "emoji": """😀😃😄
🎉🎊🥳
👍
👎""",
}
